// The whole path from a file through an engine library, with the fake engine in the place of libtorch.
#include <cstdlib>

#include "check.hpp"
#include "example_record.hpp"
#include "qallegro/potential.hpp"
#include "zip_writer.hpp"

using namespace qallegro;
using zip_writer::TemporaryFile;

namespace {

TemporaryFile exported_file() {
  return TemporaryFile(zip_writer::zip({{"model/data.pkl", "weights"}, {"model/extra/qallegro.json", example_record()}}));
}

Options options(const std::string &engine, const std::string &device = "cpu", int threads = 0, int local_rank = 0) {
  Options result;
  result.engine = engine;
  result.device = device;
  result.threads = threads;
  result.local_rank = local_rank;
  return result;
}

void search_in(const char *folder) { setenv("QALLEGRO_ENGINE_PATH", folder, 1); }

}  // namespace

TEST(a_file_is_opened_and_evaluated) {
  search_in("/nonexistent:" FAKE_ENGINE_FOLDER);
  const TemporaryFile file = exported_file();
  Potential potential(file.path(), {});
  CHECK(potential.description() == "fake");
  CHECK(potential.record().atom_types.size() == 2);
  const std::int32_t centers[] = {0, 1}, neighbors[] = {1, 0}, types[] = {0, 1};
  const std::int64_t first_edge[] = {0, 1, 2};
  const double vectors[] = {2.0, 0.0, 0.0, -2.0, 0.0, 0.0};
  double forces[6] = {};
  Results results;
  results.forces = forces;
  potential.evaluate({2, 2, centers, first_edge, neighbors, vectors, types}, results);
  CHECK_CLOSE(forces[0] + forces[3], 0.0, 1e-14);
  CHECK(results.energy < -2.0 && forces[0] != 0.0);
  CHECK(potential.timings().evaluations == 1);
  Potential moved = std::move(potential);
  moved.reset_timings();
  CHECK(moved.timings().evaluations == 0);
}

TEST(errors_of_a_library_arrive_as_they_are) {
  search_in(FAKE_ENGINE_FOLDER);
  const TemporaryFile file = exported_file();
  CHECK_ERROR(Potential(file.path(), options("auto", "cuda:9", 3)), "from the library: threads 3");
  setenv("OMP_NUM_THREADS", "5,2", 1);
  CHECK_ERROR(Potential(file.path(), options("auto", "cuda:9")), "threads 5");
  setenv("OMP_NUM_THREADS", "many", 1);
  CHECK_ERROR(Potential(file.path(), options("auto", "cuda:9")), "threads 1");
  unsetenv("OMP_NUM_THREADS");
  CHECK_ERROR(Potential(file.path(), options("auto", "cuda:9")), "threads 1");
}

TEST(every_rule_of_the_options_is_kept) {
  search_in(FAKE_ENGINE_FOLDER);
  const TemporaryFile file = exported_file();
  CHECK_ERROR(Potential(file.path(), options("libtorch")), "`engine` must be one of `auto`, `native`, `torchscript`, `aoti`, it is `libtorch`");
  CHECK_ERROR(Potential(file.path(), options("aoti")), "`engine` `aoti` runs files of kind `aoti`");
  for (const char *device : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1234", "CPU", ""})
    CHECK_ERROR(Potential(file.path(), options("auto", device)), "`device` must be");
  CHECK_ERROR(Potential(file.path(), options("auto", "cpu", -1)), "`threads`");
  CHECK_ERROR(Potential(file.path(), options("auto", "cpu", 0, -1)), "`local_rank`");
}

TEST(missing_and_foreign_libraries_are_named) {
  const TemporaryFile file = exported_file();
  search_in("/nonexistent");
  CHECK_ERROR(Potential(file.path(), {}), "is in none of the folders /nonexistent, ");
  search_in(EMPTY_LIBRARY_FOLDER);
  CHECK_ERROR(Potential(file.path(), {}), "must export `qallegro_make_engine_v4`");
  const std::string folder = std::filesystem::path(file.path()).replace_extension(".folder").string();
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/libqallegro_torch.so") << "not a library";
  search_in(folder.c_str());
  CHECK_ERROR(Potential(file.path(), {}), "cannot be loaded");
  std::filesystem::remove_all(folder);
}

TEST(a_damaged_weight_is_found_before_the_engine_starts) {
  search_in(FAKE_ENGINE_FOLDER);
  std::string bytes = zip_writer::zip({{"model/data.pkl", "weights"}, {"model/extra/qallegro.json", example_record()}});
  bytes[bytes.find("weights")] ^= 1;
  const TemporaryFile file(bytes);
  CHECK_ERROR(Potential(file.path(), {}), "the checksum of `model/data.pkl`");
}

int main() { return check::run(); }
