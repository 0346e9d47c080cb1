#include "runtime/evaluator.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "runtime/threads.hpp"

namespace qallegro {

namespace {

// Adds the seconds since the last call to the phase that has just ended.
class PhaseClock {
 public:
  void ends(double &phase) {
    const auto now = std::chrono::steady_clock::now();
    phase += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

void add_outer(double *tensor, double factor, const double *v, const double *g) {
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) tensor[3 * a + b] += factor * v[a] * g[b];
}

// F_i += dE/dv, F_j -= dE/dv, virial = -sum v (x) dE/dv for every edge i -> j of one centre.
void scatter_row(const EdgeList &edges, const Record &record, const EdgeSelection &selection, std::int64_t row, double energy,
                 const double *gradients, Results &results) {
  const std::int32_t center = edges.centers[row];
  const std::int64_t *kept = selection.edges.data() + edges.first_edge[row];
  double force[3] = {0.0, 0.0, 0.0};
  for (std::int64_t k = 0; k < selection.count(row); ++k) {
    const std::int64_t edge = kept[k];
    const std::int32_t neighbor = edges.neighbors[edge];
    const double *v = edges.edge_vectors + 3 * edge;
    const double *g = gradients + 3 * k;
    for (int a = 0; a < 3; ++a) force[a] += g[a];
    add_outer(results.virial.data(), -1.0, v, g);
    if (results.forces)
      for (int a = 0; a < 3; ++a) results.forces[3 * neighbor + a] -= g[a];
    if (results.edge_gradients) std::copy_n(g, 3, results.edge_gradients + 3 * edge);
    if (results.per_atom_virial) {
      add_outer(results.per_atom_virial + 9 * center, -0.5, v, g);
      add_outer(results.per_atom_virial + 9 * neighbor, -0.5, v, g);
    }
    if (results.per_atom_virial_centroid) add_outer(results.per_atom_virial_centroid + 9 * neighbor, -1.0, v, g);
  }
  // A NaN or an infinity in any gradient survives in the sum, so that one test a centre is enough.
  if (!std::isfinite(energy + force[0] + force[1] + force[2]))
    throw Error("the energy and forces from the model must be finite, those of atom " + std::to_string(center) + " (`" +
                    record.atom_types[edges.atom_types[center]] + "`, " + std::to_string(selection.count(row)) +
                    " neighbors) have the energy " + std::to_string(energy) + " eV; the structure is far from what `" + record.path +
                    "` was trained on, or the file is broken",
                center);
  results.energy += energy;
  if (results.per_atom_energy) results.per_atom_energy[center] += energy;
  if (results.forces)
    for (int a = 0; a < 3; ++a) results.forces[3 * center + a] += force[a];
}

// Where each thread's blocks begin and end: runs with about as many slots each.
void cut_shares(const std::vector<BlockShape> &blocks, std::int64_t count, std::vector<std::size_t> &cuts) {
  std::int64_t total = 0, passed = 0;
  for (const BlockShape &shape : blocks) total += shape.n_rows * shape.n_slots;
  cuts.assign(1, 0);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::int64_t slots = blocks[b].n_rows * blocks[b].n_slots;
    while (static_cast<std::int64_t>(cuts.size()) < count && (passed + slots / 2) * count >= total * static_cast<std::int64_t>(cuts.size()))
      cuts.push_back(b);
    passed += slots;
  }
  cuts.resize(count + 1, blocks.size());
}

double *own(std::vector<double> &memory, const double *wanted, std::int64_t size) {
  if (!wanted) return nullptr;
  memory.assign(size, 0.0);
  return memory.data();
}

void add(double *to, const double *from, std::int64_t begin, std::int64_t end) {
  if (!to) return;
  for (std::int64_t k = begin; k < end; ++k) to[k] += from[k];
}

}  // namespace

// The error of the first thread that has one; none is kept, so that it dies with the caller's handler.
void Evaluator::rethrow_first() {
  std::exception_ptr first;
  for (Share &share : shares_) {
    if (share.error && !first) first = share.error;
    share.error = nullptr;
  }
  if (first) std::rethrow_exception(first);
}

void Evaluator::prepare(Share &share, bool first, const EdgeList &edges, const Results &results) const {
  share.results = results;
  share.results.energy = 0.0;
  share.results.virial.fill(0.0);
  share.timings = {};
  if (first) return;
  share.results.per_atom_energy = own(share.per_atom_energy, results.per_atom_energy, edges.n_atoms);
  share.results.forces = own(share.forces, results.forces, 3 * edges.n_atoms);
  share.results.per_atom_virial = own(share.per_atom_virial, results.per_atom_virial, 9 * edges.n_atoms);
  share.results.per_atom_virial_centroid = own(share.per_atom_virial_centroid, results.per_atom_virial_centroid, 9 * edges.n_atoms);
}

void Evaluator::evaluate_blocks(const EdgeList &edges, std::size_t begin, std::size_t end, int thread, Share &share) {
  PhaseClock clock;
  for (std::size_t b = begin; b < end; ++b) {
    const BlockShape &shape = blocks_[b];
    const Block &block = share.buffers.pack(edges, record_, selection_, shape, share.results.novelty != nullptr);
    clock.ends(share.timings.pack);
    engine_->evaluate(block, thread);
    clock.ends(share.timings.engine);
    for (std::int64_t c = 0; c < shape.n_rows; ++c)
      scatter_row(edges, record_, selection_, selection_.order[shape.first_row + c], block.per_atom_energy[c],
                  block.edge_gradients + 3 * c * shape.n_slots, share.results);
    if (block.novelty)
      for (std::int64_t c = 0; c < shape.n_rows; ++c)
        share.results.novelty[edges.centers[selection_.order[shape.first_row + c]]] = block.novelty[c];
    share.timings.slots += block.n_centers * block.n_slots;
    clock.ends(share.timings.scatter);
  }
}

// Sums over threads in their order, so that the same number of threads always gives the same bits.
void Evaluator::gather(const EdgeList &edges, Results &results) {
  const auto count = static_cast<std::int64_t>(shares_.size());
  for (const Share &share : shares_) {
    results.energy += share.results.energy;
    for (int k = 0; k < 9; ++k) results.virial[k] += share.results.virial[k];
    timings_.pack += share.timings.pack / static_cast<double>(count);
    timings_.engine += share.timings.engine / static_cast<double>(count);
    timings_.scatter += share.timings.scatter / static_cast<double>(count);
    timings_.slots += share.timings.slots;
  }
  if (count == 1) return;
  on_threads(static_cast<int>(count), [&](int thread) {
    const std::int64_t begin = edges.n_atoms * thread / count, end = edges.n_atoms * (thread + 1) / count;
    for (std::int64_t k = 1; k < count; ++k) {
      const Results &from = shares_[k].results;
      add(results.per_atom_energy, from.per_atom_energy, begin, end);
      add(results.forces, from.forces, 3 * begin, 3 * end);
      add(results.per_atom_virial, from.per_atom_virial, 9 * begin, 9 * end);
      add(results.per_atom_virial_centroid, from.per_atom_virial_centroid, 9 * begin, 9 * end);
    }
  });
}

// The engine's time goes to its phases in the ratios of what was sampled now, or of all samples where there is none of this evaluation.
void Evaluator::split_engine_time(double seconds) {
  const PhaseTimes sampled = engine_->sampled_phases();
  PhaseTimes shares;
  double total = 0.0, ever = 0.0;
  for (int p = 0; p < phase_count; ++p) {
    const auto phase = static_cast<Phase>(p);
    total += shares[phase] = sampled[phase] - sampled_[phase];
    ever += sampled[phase];
  }
  sampled_ = sampled;
  if (ever <= 0.0) {
    timings_.phases[Phase::network] += seconds;
    return;
  }
  if (total <= 0.0) {
    shares = sampled;
    total = ever;
  }
  for (int p = 0; p < phase_count; ++p) timings_.phases[static_cast<Phase>(p)] += seconds * shares[static_cast<Phase>(p)] / total;
}

std::size_t Evaluator::buffer_capacity() const {
  std::size_t total = blocks_.capacity() + cuts_.capacity() + shares_.capacity() + selection_.capacity();
  for (const Share &share : shares_)
    total += share.buffers.capacity() + share.per_atom_energy.capacity() + share.forces.capacity() + share.per_atom_virial.capacity() +
             share.per_atom_virial_centroid.capacity();
  return total;
}

void Evaluator::evaluate(const EdgeList &edges, Results &results) {
  PhaseClock clock;
  const Timings before = timings_;
  results.energy = 0.0;
  results.virial.fill(0.0);
  if (results.novelty && !engine_->knows_novelty())
    throw Error("novelty needs engine native and a file that holds the scale of its training set, `" + record_.path + "` runs with " +
                engine_->description() + "; train and export it with this release of qallegro");
  prepare_selection(edges, selection_);
  shares_.resize(engine_->concurrent_blocks());
  const auto count = static_cast<std::int64_t>(shares_.size());
  const auto shared = [&](auto &&work) {
    if (count == 1) {
      work(0, shares_[0]);
      return;
    }
    on_threads(static_cast<int>(count), [&](int thread) {
      try {
        work(thread, shares_[thread]);
      } catch (...) {
        shares_[thread].error = std::current_exception();
      }
    });
    rethrow_first();
  };
  shared([&](int thread, Share &share) {
    prepare(share, thread == 0, edges, results);
    select_rows(edges, record_, edges.n_centers * thread / count, edges.n_centers * (thread + 1) / count, selection_);
  });
  order_rows(selection_);
  cut_blocks(selection_, engine_->slots_per_block(), blocks_);
  if (results.edge_gradients && edges.n_centers > 0) std::fill_n(results.edge_gradients, 3 * edges.first_edge[edges.n_centers], 0.0);
  clock.ends(timings_.pack);
  cut_shares(blocks_, count, cuts_);
  shared([&](int thread, Share &share) { evaluate_blocks(edges, cuts_[thread], cuts_[thread + 1], thread, share); });
  double between = 0.0;
  clock.ends(between);
  gather(edges, results);
  clock.ends(timings_.scatter);
  timings_.phases[Phase::pack] += timings_.pack - before.pack;
  timings_.phases[Phase::scatter] += timings_.scatter - before.scatter;
  split_engine_time(timings_.engine - before.engine);
  const std::size_t capacity = buffer_capacity();
  timings_.growths += capacity > capacity_;
  capacity_ = capacity;
  timings_.evaluations += 1;
  timings_.edges += selection_.total;
}

}  // namespace qallegro
