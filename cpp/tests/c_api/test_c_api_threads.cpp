// Several threads on one potential and on potentials of their own: right numbers, and each thread its own text of an error.
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "example_files.h"
#include "qallegro.h"

namespace {

constexpr int n_threads = 4, n_rounds = 50;

struct Potential {
  Potential() { qallegro_load(example_file(), nullptr, &handle); }
  ~Potential() { qallegro_free(handle); }
  Potential(const Potential &) = delete;
  Potential &operator=(const Potential &) = delete;
  qallegro_potential *handle = nullptr;
};

// A Cu atom with a Li neighbor at the distance x; NaN where the call fails.
double energy(qallegro_potential *potential, double x) {
  const std::int64_t first_edge[] = {0, 1};
  const std::int32_t neighbors[] = {1}, types[] = {0, 1};
  const double vectors[] = {x, 0.0, 0.0};
  double forces[6];
  qallegro_edges edges = QALLEGRO_EDGES_INIT;
  edges.n_atoms = 2;
  edges.n_centers = 1;
  edges.first_edge = first_edge;
  edges.neighbors = neighbors;
  edges.edge_vectors = vectors;
  edges.atom_types = types;
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  results.forces = forces;
  const int code = qallegro_evaluate(potential, &edges, &results);
  return code == QALLEGRO_OK && forces[0] == -forces[3] ? results.energy : std::nan("");
}

template <class Work>
void in_threads(Work work) {
  std::vector<std::thread> threads;
  for (int k = 0; k < n_threads; ++k) threads.emplace_back(work, k);
  for (auto &thread : threads) thread.join();
}

double distance(int thread, int round) { return 1.5 + 0.3 * thread + 0.01 * round; }

}  // namespace

TEST(one_potential_in_many_threads) {
  Potential shared;
  std::vector<std::vector<double>> found(n_threads, std::vector<double>(n_rounds));
  in_threads([&](int k) {
    for (int round = 0; round < n_rounds; ++round) found[k][round] = energy(shared.handle, distance(k, round));
  });
  Potential alone;
  for (int k = 0; k < n_threads; ++k)
    for (int round = 0; round < n_rounds; ++round) CHECK_CLOSE(found[k][round], energy(alone.handle, distance(k, round)), 0.0);
  qallegro_timings timings = QALLEGRO_TIMINGS_INIT;
  CHECK(qallegro_get_timings(shared.handle, &timings) == QALLEGRO_OK && timings.evaluations == n_threads * n_rounds);
}

TEST(a_potential_in_each_thread) {
  Potential reference;
  const double expected = energy(reference.handle, 2.0);
  std::atomic<int> wrong = 0;
  in_threads([&](int) {
    Potential own;
    for (int round = 0; round < n_rounds; ++round) wrong += !(energy(own.handle, 2.0) == expected);
  });
  CHECK(wrong == 0);
}

TEST(texts_of_errors_do_not_mix) {
  Potential shared;
  std::atomic<int> wrong = 0;
  in_threads([&](int k) {
    const std::string path = "/nonexistent/" + std::to_string(k) + ".pth";
    for (int round = 0; round < n_rounds; ++round) {
      qallegro_potential *none = nullptr;
      wrong += qallegro_load(path.c_str(), nullptr, &none) != QALLEGRO_ERROR;
      const bool evaluated = !std::isnan(energy(shared.handle, 0.0));
      const std::string of_potential = qallegro_error(shared.handle);
      wrong += evaluated || of_potential.find("on top of one another") == std::string::npos;
      wrong += std::string(qallegro_error(nullptr)).find(path) == std::string::npos;
    }
  });
  CHECK(wrong == 0);
}

int main() {
  setenv("QALLEGRO_ENGINE_PATH", FAKE_ENGINE_FOLDER, 1);
  return check::run();
}
