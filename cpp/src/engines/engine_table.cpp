#include "engines/engine_table.hpp"

#include <charconv>
#include <cstdlib>

#include "engines/engine_library.hpp"
#include "native/engine.hpp"

namespace qallegro {

namespace {

struct EngineRow {
  const char *name;     ///< what a user asks for
  const char *kind;     ///< the kind of file it runs; null: any
  const char *library;  ///< the shared library that holds it; null: it is part of this one
};

// "auto" takes the first row that runs the file, so the fastest engine of a kind comes first.
constexpr EngineRow engine_table[] = {
    {"native", nullptr, nullptr},
    {"torchscript", "torchscript", "libqallegro_torch.so"},
    {"aoti", "aoti", "libqallegro_torch.so"},
};

// What keeps the engine of this library from running a file on a device, or nothing.
std::string native_refusal(const Record &record, const std::string &device) {
  if (device.starts_with("cuda")) return "runs on the CPU";
  return native::refusal(record);
}

const EngineRow &row_for(const Record &record, const std::string &asked, const std::string &device) {
  std::string names = "`auto`";
  const EngineRow *named = nullptr;
  for (const EngineRow &row : engine_table) {
    names += std::string(", `") + row.name + "`";
    const std::string refusal = row.library ? "" : native_refusal(record, device);
    // A package that was compiled for a GPU is not moved to the CPU unless somebody asks for that.
    const bool for_gpu = asked == "auto" && device == "auto" && record.device == "cuda";
    const bool runs_file = (!row.kind || record.format == row.kind) && refusal.empty() && (row.library || !for_gpu);
    if (asked == row.name && !refusal.empty())
      throw Error("`engine` `" + asked + "` " + refusal + ", `device` is `" + device + "` and the file `" + record.path +
                  "`; use engine `" + record.format + "`");
    if (asked == row.name) named = &row;
    if (runs_file && (asked == "auto" || asked == row.name)) return row;
  }
  if (!named) throw Error("`engine` must be one of " + names + ", it is `" + asked + "`");
  throw Error("`engine` `" + asked + "` runs files of kind `" + named->kind + "`, `" + record.path + "` is of kind `" + record.format +
              "`; use engine `auto` or export with `--format " + named->kind + "`");
}

void check_device(const std::string &device) {
  const bool indexed = device.starts_with("cuda:") && device.size() > 5 && device.size() <= 8 &&
                       device.find_first_not_of("0123456789", 5) == std::string::npos;
  if (device != "cpu" && device != "cuda" && device != "auto" && !indexed)
    throw Error("`device` must be `cpu`, `cuda`, `cuda:N` or `auto`, it is `" + device + "`");
}

}  // namespace

int threads_for(const Options &options) {
  if (options.threads < 0) throw Error("`threads` must be 0 (OMP_NUM_THREADS, else 1) or more, it is " + std::to_string(options.threads));
  if (options.threads > 0) return options.threads;
  // OMP_NUM_THREADS may be a list by nesting level: the first entry counts. Anything else than a number leaves the default.
  int threads = 0;
  if (const char *given = std::getenv("OMP_NUM_THREADS")) {
    const std::string text(given);
    std::from_chars(text.data(), text.data() + text.size(), threads);
  }
  return threads > 0 ? threads : 1;
}

std::unique_ptr<Engine> make_engine(const Record &record, const Options &options) {
  check_device(options.device);
  const EngineRow &row = row_for(record, options.engine, options.device);
  if (options.local_rank < 0) throw Error("`local_rank` must be 0 or more, it is " + std::to_string(options.local_rank));
  EngineRequest request{row.name, record, options};
  request.options.threads = threads_for(options);
  if (!row.library) return native::make_engine(request);
  return std::unique_ptr<Engine>(engine_factory(row.library)(request));
}

}  // namespace qallegro
