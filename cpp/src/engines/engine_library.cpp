#include "engines/engine_library.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

namespace qallegro {

namespace {

// The folder of the extension, plugin or program that this static library was linked into.
std::filesystem::path own_folder() {
  Dl_info info{};
  if (!dladdr(reinterpret_cast<const void *>(&own_folder), &info) || !info.dli_fname) return {};
  std::error_code failure;
  const auto path = std::filesystem::canonical(info.dli_fname, failure);
  return failure ? std::filesystem::path() : path.parent_path();
}

std::vector<std::filesystem::path> search_folders() {
  std::vector<std::filesystem::path> folders;
  if (const char *given = std::getenv("QALLEGRO_ENGINE_PATH")) {
    std::istringstream list(given);
    for (std::string folder; std::getline(list, folder, ':');)
      if (!folder.empty()) folders.emplace_back(folder);
  }
  const auto folder = own_folder();
  if (!folder.empty()) {
    folders.push_back(folder / "engines");                // qallegro_ase/_runtime
    folders.push_back(folder.parent_path() / "engines");  // qallegro_ase/lammps/qallegroplugin.so
    folders.push_back(folder);
  }
  return folders;
}

std::string first_line(const std::string &text) { return text.substr(0, text.find('\n')); }

}  // namespace

EngineFactory *engine_factory(const std::string &name) {
  std::string tried;
  for (const auto &folder : search_folders()) {
    const auto path = folder / name;
    tried += (tried.empty() ? "" : ", ") + folder.string();
    std::error_code failure;
    if (!std::filesystem::is_regular_file(path, failure)) continue;
    // Local scope: the names of a heavy library must not meet those of the host program.
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      throw Error(
          "`" + path.string() + "` cannot be loaded: " + first_line(dlerror()) +
          "; install torch in the same environment (`pip install torch`), the version that qallegro was built with, or put its `lib` " +
          "folder on LD_LIBRARY_PATH");
    void *factory = dlsym(library, engine_factory_name);
    if (!factory)
      throw Error("`" + path.string() + "` must export `" + engine_factory_name +
                  "` and does not: it belongs to another version of qallegro; " + "install both anew, or correct QALLEGRO_ENGINE_PATH");
    return reinterpret_cast<EngineFactory *>(factory);
  }
  throw Error("the engine library `" + name + "` is in none of the folders " + tried +
              "; install qallegro with its torch engines (QALLEGRO_TORCH=ON), or name its folder in QALLEGRO_ENGINE_PATH");
}

}  // namespace qallegro
