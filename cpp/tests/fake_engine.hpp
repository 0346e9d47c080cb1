// An engine in plain C++ with known energies and gradients: with x = r / r_c(a, b) and u(x) = (1 - x^2)^3 inside the cutoff,
//   E_i = e_a + sum_j c_ab u + s |p_i|^2,   p_i = sum_j q_b u v_ij
// The last term makes gradients non-central and different for the two directions of a pair, as in a real model.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "qallegro/engine.hpp"

namespace qallegro {

class FakeEngine final : public Engine {
 public:
  FakeEngine(const Record &record, std::int64_t slots) : record_(record), slots_(slots) {}

  void evaluate(const Block &block, int) override {
    ++calls;
    sizes_were_legal = sizes_were_legal && block.n_centers >= 2 && block.n_slots >= 2;
    largest_block = std::max(largest_block, block.n_centers * block.n_slots);
    const auto n_types = static_cast<std::int64_t>(record_.atom_types.size());
    for (std::int64_t c = 0; c < block.n_centers; ++c) {
      const std::int64_t a = block.center_types[c];
      double energy = -1.0 - 0.37 * static_cast<double>(a), p[3] = {0.0, 0.0, 0.0};
      for (std::int64_t k = 0; k < block.n_slots; ++k) {
        const Slot slot = slot_at(block, c * block.n_slots + k, a, n_types);
        energy += slot.strength * slot.u;
        for (int d = 0; d < 3; ++d) p[d] += slot.charge * slot.u * slot.v[d];
      }
      for (std::int64_t k = 0; k < block.n_slots; ++k) {
        const std::int64_t at = c * block.n_slots + k;
        const Slot slot = slot_at(block, at, a, n_types);
        const double pv = p[0] * slot.v[0] + p[1] * slot.v[1] + p[2] * slot.v[2];
        for (int d = 0; d < 3; ++d)
          block.edge_gradients[3 * at + d] =
              (slot.strength + 2.0 * dipole * slot.charge * pv) * slot.du_over_r * slot.v[d] + 2.0 * dipole * slot.charge * slot.u * p[d];
      }
      block.per_atom_energy[c] = energy + dipole * (p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
      const double nan = std::numeric_limits<double>::quiet_NaN();
      if (a == nan_energy_type) block.per_atom_energy[c] = nan;
      if (a == nan_gradient_type) block.edge_gradients[3 * c * block.n_slots + 1] = nan;
    }
  }

  std::string description() const override { return "fake"; }
  std::int64_t slots_per_block() const override { return slots_; }

  int calls = 0;
  bool sizes_were_legal = true;
  bool padding_was_legal = true;
  std::int64_t largest_block = 0;
  std::int64_t nan_energy_type = -1;
  std::int64_t nan_gradient_type = -1;

 private:
  static constexpr double dipole = 0.08;

  struct Slot {
    const double *v;
    double u, du_over_r, strength, charge;
  };

  Slot slot_at(const Block &block, std::int64_t at, std::int64_t a, std::int64_t n_types) {
    const double *v = block.edge_vectors + 3 * at;
    const std::int64_t b = block.neighbor_types[at];
    const double r_cut = record_.cutoffs[a * n_types + b];
    const double w = 1.0 - (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) / (r_cut * r_cut);
    // Every slot beyond its cutoff must be padding: the runtime drops the other edges.
    if (w <= 0.0) padding_was_legal = padding_was_legal && b == 0 && v[0] == 2.0 * record_.r_max && v[1] == 0.0 && v[2] == 0.0;
    const double inside = w > 0.0 ? w : 0.0;
    return {v, inside * inside * inside, -6.0 * inside * inside / (r_cut * r_cut),
            0.3 + 0.07 * static_cast<double>(a) + 0.05 * static_cast<double>(b), 0.5 + 0.4 * static_cast<double>(b)};
  }

  Record record_;
  std::int64_t slots_;
};

}  // namespace qallegro
