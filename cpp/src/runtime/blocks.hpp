// From edges to rectangular padded blocks of centre atoms (docs/architecture.md, "Padded neighbor tables").
#pragma once

#include <cstdint>
#include <vector>

#include "qallegro/engine.hpp"
#include "qallegro/potential.hpp"

namespace qallegro {

/// The edges of one evaluation that lie inside their cutoffs, and the order in which their centres are packed.
struct EdgeSelection {
  std::vector<std::int64_t> edges;   ///< indices into the EdgeList; those of a row start where its edges do there
  std::vector<std::int64_t> counts;  ///< (n_centers) edges of each row that were kept
  std::vector<std::int64_t> order;  ///< rows by falling number of neighbors, ties in the caller's order
  std::vector<std::int64_t> place;  ///< scratch of the sort
  std::int64_t count(std::int64_t row) const { return counts[row]; }
  std::int64_t total = 0;  ///< edges that were kept
  std::size_t capacity() const { return edges.capacity() + counts.capacity() + order.capacity() + place.capacity(); }
};

/// A run of `EdgeSelection::order` that is evaluated at once.
struct BlockShape {
  std::int64_t first_row = 0;
  std::int64_t n_rows = 0;
  std::int64_t n_slots = 0;
  std::int64_t n_centers() const;  ///< rows and padding rows
};

/// Checks the rows and makes room for what `select_rows` finds. Throws `Error`.
void prepare_selection(const EdgeList &edges, EdgeSelection &selection);

/// Checks every index, type and vector of the rows begin .. end - 1, and keeps what is shorter than its cutoff. Rows are independent.
/// Throws `Error` that names the atoms.
void select_rows(const EdgeList &edges, const Record &record, std::int64_t begin, std::int64_t end, EdgeSelection &selection);

/// Counts the edges of all rows, and orders the rows.
void order_rows(EdgeSelection &selection);

/// Cuts the ordered rows so that no block of several rows exceeds `slots_per_block`.
void cut_blocks(const EdgeSelection &selection, std::int64_t slots_per_block, std::vector<BlockShape> &blocks);

/// Owner of one block's arrays; they only grow, so that a run in its stride allocates nothing.
class BlockBuffers {
 public:
  /// Fills the arrays; the block stays valid until the next call.
  const Block &pack(const EdgeList &edges, const Record &record, const EdgeSelection &selection, const BlockShape &shape, bool novelty);

  /// Elements of all arrays: more of them than before an evaluation means that it allocated memory.
  std::size_t capacity() const {
    return n_neighbors_.capacity() + center_types_.capacity() + neighbor_types_.capacity() + edge_vectors_.capacity() +
           per_atom_energy_.capacity() + edge_gradients_.capacity() + novelty_.capacity();
  }

 private:
  Block block_;
  std::vector<std::int64_t> n_neighbors_, center_types_, neighbor_types_;
  std::vector<double> edge_vectors_, per_atom_energy_, edge_gradients_, novelty_;
};

}  // namespace qallegro
