#include "runtime/evaluator.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

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
  const std::int64_t *kept = selection.edges.data() + selection.first[row];
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

}  // namespace

void Evaluator::evaluate(const EdgeList &edges, Results &results) {
  PhaseClock clock;
  results.energy = 0.0;
  results.virial.fill(0.0);
  select_edges(edges, record_, selection_);
  cut_blocks(selection_, engine_->slots_per_block(), blocks_);
  if (results.edge_gradients && edges.n_centers > 0) std::fill_n(results.edge_gradients, 3 * edges.first_edge[edges.n_centers], 0.0);
  for (const BlockShape &shape : blocks_) {
    const Block &block = buffers_.pack(edges, record_, selection_, shape);
    clock.ends(timings_.pack);
    engine_->evaluate(block);
    clock.ends(timings_.engine);
    for (std::int64_t c = 0; c < shape.n_rows; ++c)
      scatter_row(edges, record_, selection_, selection_.order[shape.first_row + c], block.per_atom_energy[c],
                  block.edge_gradients + 3 * c * shape.n_slots, results);
    timings_.slots += block.n_centers * block.n_slots;
    clock.ends(timings_.scatter);
  }
  timings_.evaluations += 1;
  timings_.edges += selection_.first.back();
  clock.ends(timings_.pack);
}

}  // namespace qallegro
