// Which centers are computed together.
#pragma once

#include "native/kernel.hpp"
#include "native/kernels/simd.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// A center atom in a group: its number in the block, its edges and the whole vectors that hold them (first and count), and its type.
struct Center {
  std::int64_t index, edge, edges, lane, count;
  int type;
};

template <class Real>
constexpr std::int64_t padded(std::int64_t count) {
  return (count + width<Real> - 1) / width<Real> * width<Real>;
}

/// How centers lie in a row of edges.
enum class Packing {
  own_vectors,    ///< each has vectors of its own: its results do not depend on the other centers of the group, to the last bit
  shared_vectors  ///< without gaps: the atoms of a molecule have so few neighbors that a third of all lanes would be padding
};

static constexpr int most_centers = 32;

/// A few centers whose edges fit in the cache.
struct Grouping {
  Center centers[most_centers];
  int size = 0;
  std::int64_t lanes = 0;  ///< edges with padding

  /// Takes centers from `first` on, which it advances, until `last` or as many edges as given; one center may have more.
  template <class Real>
  void take(const Block &block, std::int64_t &first, std::int64_t last, std::int64_t most_edges, Packing packing) {
    std::int64_t at = 0;
    for (size = 0; first < last && size < most_centers; ++first) {
      const std::int64_t edges = block.n_neighbors[first], end = packing == Packing::own_vectors ? at + padded<Real>(edges) : at + edges;
      if (size > 0 && end > most_edges) break;
      const std::int64_t lane = at / width<Real> * width<Real>;
      centers[size++] = {first, at, edges, lane, edges > 0 ? padded<Real>(end) - lane : 0, static_cast<int>(block.center_types[first])};
      at = end;
    }
    lanes = padded<Real>(at);
  }
};

}  // namespace qallegro::native::QALLEGRO_ISA
