#include "native/training_network.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>

#include "native/instruction_set.hpp"
#include "native/network.hpp"
#include "native/training_kernel.hpp"
#include "qallegro/error.hpp"
#include "runtime/threads.hpp"

namespace qallegro::native {

TrainingNetwork::TrainingNetwork(const std::string &record, const std::string &weights, int threads, bool train_frequencies) : threads_(threads) {
  const std::string source = "the network under training";
  const auto parsed = nlohmann::json::parse(record);
  const Plan plan = make_plan(read_network(parsed, TensorFile(weights, source), source));
  if (plan.periodic && (plan.periodic->unitary() || plan.periodic->gates()))
    throw Error("`surrogate.form` must be fourier for training engine `native`; use `training.engine: torch`");
  num_types_ = plan.num_types;
  for (const double cutoff : plan.cutoffs) squared_cutoffs_.push_back(cutoff * cutoff);
  kernel_ = make_training_kernel(instruction_set(), plan, parsed.at("dtype") == "float32", threads_, train_frequencies);
}

TrainingNetwork::~TrainingNetwork() = default;

std::int64_t TrainingNetwork::num_weights() const { return kernel_->num_weights(); }

void TrainingNetwork::evaluate(const double *weights, const TrainingBatch &batch, double *per_atom_energy, double *forces, double *virial) {
  assign(weights);
  Block block = block_of(batch);
  block.per_atom_energy = per_atom_energy;
  if (forces) {
    edges_.resize(static_cast<std::size_t>(3 * batch.n_atoms * batch.n_slots));
    block.edge_gradients = edges_.data();
  }
  share(block, [&](std::int64_t first, std::int64_t last, int thread) { kernel_->evaluate(block, first, last, thread); });
  if (!forces) return;
  std::fill_n(forces, 3 * batch.n_atoms, 0.0);
  std::fill_n(virial, 9 * batch.n_frames, 0.0);
  for (std::int64_t i = 0; i < batch.n_atoms; ++i) {
    double *w = virial + 9 * batch.frame[i];
    for (std::int64_t e = i * batch.n_slots; e < i * batch.n_slots + n_neighbors_[i]; ++e) {
      const double *g = edges_.data() + 3 * e, *v = batch.edge_vectors + 3 * e;
      double *to = forces + 3 * batch.neighbors[e];
      for (int k = 0; k < 3; ++k) {
        forces[3 * i + k] += g[k];
        to[k] -= g[k];
        for (int l = 0; l < 3; ++l) w[3 * k + l] -= v[k] * g[l];
      }
    }
  }
}

void TrainingNetwork::differentiate(const double *weights, const TrainingBatch &batch, const double *a, const double *b, const double *c,
                                    double *gradient) {
  assign(weights);
  const Block block = block_of(batch);
  const double *direction = nullptr;
  if (b || c) {
    set_directions(batch, b, c);
    direction = edges_.data();
  }
  share(block, [&](std::int64_t first, std::int64_t last, int thread) { kernel_->differentiate(block, a, direction, first, last, thread); });
  take_gradient(gradient);
}

// b . forces + c . virial = sum_e direction[e] . dE/dv_e
void TrainingNetwork::set_directions(const TrainingBatch &batch, const double *b, const double *c) {
  edges_.resize(static_cast<std::size_t>(3 * batch.n_atoms * batch.n_slots));
  for (std::int64_t i = 0; i < batch.n_atoms; ++i)
    for (std::int64_t e = i * batch.n_slots; e < i * batch.n_slots + n_neighbors_[i]; ++e) {
      const double *v = batch.edge_vectors + 3 * e;
      for (int k = 0; k < 3; ++k) {
        double d = b ? b[3 * i + k] - b[3 * batch.neighbors[e] + k] : 0.0;
        if (c)
          for (int l = 0; l < 3; ++l) d -= v[l] * c[9 * batch.frame[i] + 3 * l + k];
        edges_[3 * e + k] = d;
      }
    }
}

int TrainingNetwork::num_features() const { return kernel_->num_features(); }

void TrainingNetwork::features(const double *weights, const TrainingBatch &batch, double *features) {
  assign(weights);
  const Block block = block_of(batch);
  share(block, [&](std::int64_t first, std::int64_t last, int thread) { kernel_->features(block, features, first, last, thread); });
}

void TrainingNetwork::pull_back(const double *weights, const TrainingBatch &batch, const double *feature_gradient, double *edge_gradients) {
  assign(weights);
  Block block = block_of(batch);
  block.edge_gradients = edge_gradients;
  share(block, [&](std::int64_t first, std::int64_t last, int thread) { kernel_->pull_back(block, feature_gradient, first, last, thread); });
}

void TrainingNetwork::differentiate_features(const double *weights, const TrainingBatch &batch, const double *feature_gradient,
                                             const double *direction, double *feature_slopes, double *gradient) {
  assign(weights);
  const Block block = block_of(batch);
  share(block, [&](std::int64_t first, std::int64_t last, int thread) {
    kernel_->differentiate_features(block, feature_gradient, direction, feature_slopes, first, last, thread);
  });
  take_gradient(gradient);
}

// Between a forward and its backward pass the weights stay as they are.
void TrainingNetwork::assign(const double *weights) {
  const auto count = static_cast<std::size_t>(num_weights());
  if (assigned_.size() == count && std::memcmp(assigned_.data(), weights, count * sizeof(double)) == 0) return;
  on_threads(threads_, [&](int thread) { kernel_->assign(weights, thread, threads_); });
  assigned_.assign(weights, weights + count);
}

void TrainingNetwork::take_gradient(double *gradient) {
  on_threads(threads_, [&](int thread) { kernel_->take_gradient(gradient, thread, threads_); });
}

Block TrainingNetwork::block_of(const TrainingBatch &batch) {
  n_neighbors_.resize(static_cast<std::size_t>(batch.n_atoms));
  neighbor_types_.resize(static_cast<std::size_t>(batch.n_atoms * batch.n_slots));
  for (std::int64_t i = 0; i < batch.n_atoms; ++i) {
    const double *v = batch.edge_vectors + 3 * i * batch.n_slots;
    std::int64_t *types = neighbor_types_.data() + i * batch.n_slots;
    for (std::int64_t k = 0; k < batch.n_slots; ++k) types[k] = batch.types[batch.neighbors[i * batch.n_slots + k]];
    const double *cutoffs = squared_cutoffs_.data() + batch.types[i] * num_types_;
    std::int64_t used = batch.n_slots;
    while (used > 0) {
      const double *last = v + 3 * (used - 1);
      if (last[0] * last[0] + last[1] * last[1] + last[2] * last[2] < cutoffs[types[used - 1]]) break;
      --used;
    }
    n_neighbors_[i] = used;
  }
  Block block;
  block.n_filled = block.n_centers = batch.n_atoms;
  block.n_slots = batch.n_slots;
  block.n_neighbors = n_neighbors_.data();
  block.center_types = batch.types;
  block.neighbor_types = neighbor_types_.data();
  block.edge_vectors = batch.edge_vectors;
  return block;
}

// Each thread gets the centers that follow those of the thread before, with about as many edges: sums are the same from run to run.
template <class Work>
void TrainingNetwork::share(const Block &block, Work &&work) {
  std::vector<std::int64_t> starts(static_cast<std::size_t>(threads_) + 1, block.n_centers);
  std::int64_t total = 0, done = 0;
  for (std::int64_t c = 0; c < block.n_centers; ++c) total += n_neighbors_[c];
  int next = 0;
  for (std::int64_t c = 0; c < block.n_centers; ++c) {
    while (next < threads_ && done * threads_ >= total * next) starts[next++] = c;
    done += n_neighbors_[c];
  }
  starts[0] = 0;
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(threads_));
  on_threads(threads_, [&](int thread) {
    try {
      work(starts[thread], starts[thread + 1], thread);
    } catch (...) {
      failures[thread] = std::current_exception();
    }
  });
  for (const auto &failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace qallegro::native
