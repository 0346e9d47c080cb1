#include "qallegro/latency_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "qallegro/error.hpp"

namespace qallegro {

namespace {

std::string sibling(const std::string &path) { return path + ".part" + std::to_string(getpid()); }

[[noreturn]] void refuse(const std::string &path, int reason) {
  throw Error("the latency file `" + path + "` must be writable: " + std::strerror(reason) + "; choose another file or folder");
}

// 0, or why not all of the text could be written.
int write_all(int descriptor, const std::string &text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : ENOSPC;
    done += static_cast<std::size_t>(written);
  }
  return 0;
}

int create(const std::string &path) { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); }

}  // namespace

void check_writable(const std::string &path) {
  const std::string trial = sibling(path);
  const int descriptor = create(trial);
  if (descriptor < 0) refuse(path, errno);
  ::close(descriptor);
  ::unlink(trial.c_str());
}

void write_report(const std::string &path, const std::string &text) {
  const std::string part = sibling(path);
  const int descriptor = create(part);
  if (descriptor < 0) refuse(path, errno);
  int reason = write_all(descriptor, text);
  if (::close(descriptor) != 0 && reason == 0) reason = errno;
  if (reason == 0 && std::rename(part.c_str(), path.c_str()) != 0) reason = errno;
  if (reason == 0) return;
  ::unlink(part.c_str());
  refuse(path, reason);
}

TraceFile::TraceFile(const std::string &path, int rank) : path_(path), rank_(rank), descriptor_(create(path)) {
  if (descriptor_ < 0) refuse(path, errno);
}

TraceFile::~TraceFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool TraceFile::write(const StepLatency &step, double end) {
  if (descriptor_ < 0) return false;
  nlohmann::ordered_json line{{"rank", rank_},
                              {"step", step.step},
                              {"end", end},
                              {"total", step.total},
                              {"atoms", step.atoms},
                              {"ghosts", step.ghosts},
                              {"edges", step.edges},
                              {"rebuilt", step.rebuilt},
                              {"allocated", step.grew},
                              {"phases", nlohmann::ordered_json::object()}};
  for (int p = 0; p < phase_count; ++p)
    if (const double seconds = step.seconds[static_cast<Phase>(p)]; seconds != 0.0) line["phases"][phase_names[p]] = seconds;
  const int reason = write_all(descriptor_, line.dump() + "\n");
  if (reason == 0) return true;
  problem_ = "the latency trace `" + path_ + "` ends here: " + std::strerror(reason) + "; the simulation goes on without it";
  ::close(descriptor_);
  descriptor_ = -1;
  return false;
}

}  // namespace qallegro
