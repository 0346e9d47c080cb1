// Gradients of weights without Python: slopes of energies and edge gradients, threads, memory.
#include <random>

#include "check.hpp"
#include "native/training_network.hpp"
#include "native_file.hpp"

using namespace qallegro;
using native::TrainingBatch;
using native::TrainingNetwork;

namespace {

// Central differences with this step are exact to about 1e-8 of numbers of size 1 in float64.
constexpr double step = 1e-5, difference_tolerance = 1e-6;
// float32 against float64: some thousand sums of rounded numbers.
constexpr double single_tolerance = 2e-4;

struct Structures {
  std::vector<std::int64_t> types, neighbors, frame;
  std::vector<double> edge_vectors;
  std::int64_t slots, frames;

  TrainingBatch view() const {
    return {static_cast<std::int64_t>(types.size()), slots, frames, types.data(), neighbors.data(), edge_vectors.data(), frame.data()};
  }
};

double uniform(std::mt19937_64 &random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

// Atoms with 0 .. slots neighbors in random directions, in two frames; who is whose neighbor is random too.
Structures structures(int atoms, int slots, unsigned seed) {
  std::mt19937_64 random(seed);
  Structures s;
  s.slots = slots;
  s.frames = 2;
  for (int c = 0; c < atoms; ++c) {
    s.types.push_back(static_cast<std::int64_t>(random() % 2));
    s.frame.push_back(2 * c / atoms);
    const int used = c == 0 ? 0 : static_cast<int>(random() % (slots + 1));
    for (int e = 0; e < slots; ++e) {
      s.neighbors.push_back(e < used ? static_cast<std::int64_t>(random() % atoms) : c);
      const double z = 2.0 * uniform(random) - 1.0, phi = 6.283185307179586 * uniform(random), r = 1.5 + 2.9 * uniform(random), h = std::sqrt(1 - z * z);
      for (const double x : {h * std::cos(phi), h * std::sin(phi), z}) s.edge_vectors.push_back(e < used ? r * x : 0.0);
      if (e >= used) s.edge_vectors[s.edge_vectors.size() - 3] = 20.0;
    }
  }
  return s;
}

TrainingNetwork network(const std::string &dtype, int threads = 1, bool frequencies = true) {
  return TrainingNetwork(native_file::record(dtype), native_file::safetensors(native_file::tensors(), 5), threads, frequencies);
}

std::vector<double> numbers(std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<double> result(count);
  for (double &x : result) x = uniform(random) - 0.5;
  return result;
}

std::vector<double> weights_of(const TrainingNetwork &network) {
  std::vector<double> weights = numbers(network.num_weights(), 3);
  for (int n = 0; n < 4; ++n) weights[n] = n + 1.1;  // frequencies
  return weights;
}

// Weights of energies, forces and virials in what is differentiated.
struct Functional {
  std::vector<double> a, b, c;

  Functional(const Structures &s, bool forces)
      : a(numbers(s.types.size(), 6)), b(numbers(forces ? 3 * s.types.size() : 0, 7)), c(numbers(forces ? 9 * s.frames : 0, 8)) {}

  double value(TrainingNetwork &network, const std::vector<double> &weights, const Structures &s) const {
    std::vector<double> energies(s.types.size()), forces(3 * s.types.size()), virial(9 * s.frames);
    network.evaluate(weights.data(), s.view(), energies.data(), forces.data(), virial.data());
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * energies[i];
    for (std::size_t i = 0; i < b.size(); ++i) sum += b[i] * forces[i];
    for (std::size_t i = 0; i < c.size(); ++i) sum += c[i] * virial[i];
    return sum;
  }

  std::vector<double> gradient(TrainingNetwork &network, const std::vector<double> &weights, const Structures &s) const {
    std::vector<double> gradient(network.num_weights());
    network.differentiate(weights.data(), s.view(), a.data(), b.empty() ? nullptr : b.data(), c.empty() ? nullptr : c.data(), gradient.data());
    return gradient;
  }

  // The slope of the value along random directions of the weights is that which the gradient says.
  void check_slopes(TrainingNetwork &network, const std::vector<double> &weights, const Structures &s) const {
    const std::vector<double> exact = gradient(network, weights, s);
    for (unsigned seed = 0; seed < 4; ++seed) {
      const std::vector<double> along = numbers(weights.size(), 20 + seed);
      double expected = 0.0, values[2];
      for (std::size_t w = 0; w < weights.size(); ++w) expected += along[w] * exact[w];
      for (const int side : {0, 1}) {
        std::vector<double> moved = weights;
        for (std::size_t w = 0; w < moved.size(); ++w) moved[w] += (side ? step : -step) * along[w];
        values[side] = value(network, moved, s);
      }
      CHECK(std::abs(expected) > 1e-3);
      CHECK_CLOSE((values[1] - values[0]) / (2 * step), expected, difference_tolerance * std::max(1.0, std::abs(expected)));
    }
  }
};

}  // namespace

TEST(gradients_are_slopes) {
  TrainingNetwork exact = network("float64");
  const Structures s = structures(9, 11, 4);
  for (const bool forces : {false, true}) Functional(s, forces).check_slopes(exact, weights_of(exact), s);
}

TEST(more_neighbors_than_a_group_holds) {
  TrainingNetwork exact = network("float64");
  const Structures s = structures(3, 150, 10);
  Functional(s, true).check_slopes(exact, weights_of(exact), s);
}

TEST(single_precision_agrees_with_double) {
  TrainingNetwork exact = network("float64"), single = network("float32");
  const Structures s = structures(40, 30, 8);
  const std::vector<double> weights = weights_of(exact);
  const Functional functional(s, true);
  const std::vector<double> x = functional.gradient(exact, weights, s), y = functional.gradient(single, weights, s);
  double largest = 0.0;
  for (const double value : x) largest = std::max(largest, std::abs(value));
  for (std::size_t w = 0; w < x.size(); ++w) CHECK_CLOSE(y[w], x[w], single_tolerance * largest);
}

TEST(threads_give_the_same_bits_every_time) {
  TrainingNetwork one = network("float64");
  const Structures s = structures(70, 25, 9);
  const std::vector<double> weights = weights_of(one);
  const Functional functional(s, true);
  const std::vector<double> alone = functional.gradient(one, weights, s);
  for (const int threads : {2, 3, 7}) {
    TrainingNetwork several = network("float64", threads);
    const std::vector<double> first = functional.gradient(several, weights, s), second = functional.gradient(several, weights, s);
    CHECK(first == second);
    for (std::size_t w = 0; w < alone.size(); ++w) CHECK_CLOSE(first[w], alone[w], 1e-11 * std::max(1.0, std::abs(alone[w])));
  }
}

TEST(frozen_frequencies_have_no_gradient) {
  TrainingNetwork frozen = network("float64", 1, false);
  const Structures s = structures(9, 11, 4);
  const std::vector<double> gradient = Functional(s, true).gradient(frozen, weights_of(frozen), s);
  for (int n = 0; n < 4; ++n) CHECK(gradient[n] == 0.0);
  CHECK(gradient[4] != 0.0);
}

int main() { return check::run(); }
