#include "runtime/blocks.hpp"

#include <algorithm>
#include <cmath>

namespace qallegro {

namespace {

// Å. Real atoms are never so close; a file in which an atom stands twice, with rounded coordinates, has them.
constexpr double shortest_edge = 0.01;

// Exported models have dynamic sizes of 2 and more: tracers bake sizes of 0 and 1 in.
constexpr std::int64_t smallest_size = 2;

std::string atom(std::int64_t index) { return "atom " + std::to_string(index); }

std::int32_t checked_type(const EdgeList &edges, const Record &record, std::int32_t index) {
  const std::int32_t type = edges.atom_types[index];
  if (type < 0 || type >= static_cast<std::int32_t>(record.atom_types.size()))
    throw Error("`atom_types` must lie in 0 .. " + std::to_string(record.atom_types.size() - 1) + ", " + atom(index) + " has " +
                    std::to_string(type) + "; map every atom to a type of the model or leave it out of the edges",
                index);
  return type;
}

void check_index(std::int64_t index, const EdgeList &edges, const char *name) {
  if (index < 0 || index >= edges.n_atoms)
    throw Error("`" + std::string(name) + "` must lie in 0 .. " + std::to_string(edges.n_atoms - 1) + ", one is " + std::to_string(index) +
                "; the neighbor list does not belong to these atoms");
}

[[noreturn]] void refuse_vector(const double *v, std::int32_t center, std::int32_t neighbor) {
  const std::string pair = atom(center) + " and " + atom(neighbor);
  const std::string value = "(" + std::to_string(v[0]) + ", " + std::to_string(v[1]) + ", " + std::to_string(v[2]) + ") Å";
  if (!std::isfinite(v[0]) || !std::isfinite(v[1]) || !std::isfinite(v[2]))
    throw Error("`edge_vectors` must be finite, that between " + pair + " is " + value + "; check the positions and the cell", center,
                neighbor);
  throw Error("`edge_vectors` must be longer than 0.01 Å, that between " + pair + " is " + value +
                  ": the atoms lie on top of one another; " + "move or remove one of them",
              center, neighbor);
}

void check_rows(const EdgeList &edges) {
  if (edges.n_atoms < 0 || edges.n_centers < 0)
    throw Error("`n_atoms` and `n_centers` must not be negative, they are " + std::to_string(edges.n_atoms) + " and " +
                std::to_string(edges.n_centers));
  if (edges.n_centers > 0 && edges.first_edge[0] != 0)
    throw Error("`first_edge` must start at 0, it starts at " + std::to_string(edges.first_edge[0]));
  for (std::int64_t row = 0; row < edges.n_centers; ++row) {
    if (edges.edge_counts && (edges.edge_counts[row] < 0 || edges.row_end(row) > edges.first_edge[row + 1]))
      throw Error("`edge_counts` must lie between 0 and the length of the row, that of row " + std::to_string(row) + " is " +
                  std::to_string(edges.edge_counts[row]));
    if (edges.first_edge[row + 1] < edges.first_edge[row])
      throw Error("`first_edge` must not fall, row " + std::to_string(row) + " goes from " + std::to_string(edges.first_edge[row]) +
                  " to " + std::to_string(edges.first_edge[row + 1]));
  }
}

}  // namespace

std::int64_t BlockShape::n_centers() const { return std::max(n_rows, smallest_size); }

void prepare_selection(const EdgeList &edges, EdgeSelection &selection) {
  check_rows(edges);
  const auto n_edges = static_cast<std::size_t>(edges.n_centers > 0 ? edges.first_edge[edges.n_centers] : 0);
  // Room for an eighth more, so that lists of a hot crystal, which differ by percents, do not make a run allocate again.
  if (selection.edges.capacity() < n_edges) selection.edges.reserve(n_edges + n_edges / 8);
  selection.edges.resize(n_edges);
  selection.counts.resize(edges.n_centers);
}

void select_rows(const EdgeList &edges, const Record &record, std::int64_t begin, std::int64_t end, EdgeSelection &selection) {
  const std::size_t n_types = record.atom_types.size();
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int32_t center = edges.centers[row];
    check_index(center, edges, "centers");
    const double *cutoffs = record.cutoffs.data() + checked_type(edges, record, center) * n_types;
    std::int64_t *kept = selection.edges.data() + edges.first_edge[row];
    for (std::int64_t edge = edges.first_edge[row], end = edges.row_end(row); edge < end; ++edge) {
      const std::int32_t neighbor = edges.neighbors[edge];
      check_index(neighbor, edges, "neighbors");
      const double cutoff = cutoffs[checked_type(edges, record, neighbor)];
      const double *v = edges.edge_vectors + 3 * edge;
      const double r2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
      // Written so that a NaN fails it too.
      if (!(r2 >= shortest_edge * shortest_edge && std::isfinite(r2))) refuse_vector(v, center, neighbor);
      *kept = edge;
      kept += r2 < cutoff * cutoff;
    }
    selection.counts[row] = kept - (selection.edges.data() + edges.first_edge[row]);
  }
}

// Counting sort: the order of the caller survives among equals, so that the same input always gives the same blocks.
void order_rows(EdgeSelection &selection) {
  const auto n_rows = static_cast<std::int64_t>(selection.counts.size());
  std::int64_t largest = 0;
  selection.total = 0;
  for (const std::int64_t count : selection.counts) {
    largest = std::max(largest, count);
    selection.total += count;
  }
  auto &place = selection.place;
  place.assign(largest + 2, 0);
  for (const std::int64_t count : selection.counts) ++place[largest - count + 1];
  for (std::int64_t k = 1; k <= largest + 1; ++k) place[k] += place[k - 1];
  selection.order.resize(n_rows);
  for (std::int64_t row = 0; row < n_rows; ++row) selection.order[place[largest - selection.count(row)]++] = row;
}

void cut_blocks(const EdgeSelection &selection, std::int64_t slots_per_block, std::vector<BlockShape> &blocks) {
  blocks.clear();
  const auto n_rows = static_cast<std::int64_t>(selection.order.size());
  for (std::int64_t row = 0; row < n_rows;) {
    BlockShape shape;
    shape.first_row = row;
    shape.n_slots = std::max(selection.count(selection.order[row]), smallest_size);
    const std::int64_t most_rows = std::max<std::int64_t>(slots_per_block / shape.n_slots, 1);
    // A row that would fill less than half of its slots opens a new block, once this one is worth a call of the engine.
    const std::int64_t worthwhile_rows = std::max<std::int64_t>(most_rows / 4, 1);
    while (row < n_rows && shape.n_rows < most_rows &&
           (shape.n_rows < worthwhile_rows || 2 * selection.count(selection.order[row]) >= shape.n_slots)) {
      ++row;
      ++shape.n_rows;
    }
    blocks.push_back(shape);
  }
}

const Block &BlockBuffers::pack(const EdgeList &edges, const Record &record, const EdgeSelection &selection, const BlockShape &shape,
                                bool novelty) {
  const std::int64_t n_centers = shape.n_centers(), n_slots = shape.n_slots;
  const auto slots = static_cast<std::size_t>(n_centers * n_slots);
  center_types_.resize(std::max(center_types_.size(), static_cast<std::size_t>(n_centers)));
  n_neighbors_.resize(center_types_.size());
  per_atom_energy_.resize(center_types_.size());
  neighbor_types_.resize(std::max(neighbor_types_.size(), slots));
  edge_vectors_.resize(3 * neighbor_types_.size());
  edge_gradients_.resize(3 * neighbor_types_.size());
  if (novelty) novelty_.resize(center_types_.size());

  for (std::int64_t c = 0; c < n_centers; ++c) {
    std::int64_t *types = neighbor_types_.data() + c * n_slots;
    double *vectors = edge_vectors_.data() + 3 * c * n_slots;
    std::int64_t filled = 0;
    center_types_[c] = 0;
    if (c < shape.n_rows) {
      const std::int64_t row = selection.order[shape.first_row + c];
      center_types_[c] = edges.atom_types[edges.centers[row]];
      filled = selection.count(row);
      const std::int64_t *kept = selection.edges.data() + edges.first_edge[row];
      for (std::int64_t k = 0; k < filled; ++k) {
        types[k] = edges.atom_types[edges.neighbors[kept[k]]];
        std::copy_n(edges.edge_vectors + 3 * kept[k], 3, vectors + 3 * k);
      }
    }
    n_neighbors_[c] = filled;
    for (std::int64_t k = filled; k < n_slots; ++k) {
      types[k] = 0;
      vectors[3 * k] = 2.0 * record.r_max;
      vectors[3 * k + 1] = vectors[3 * k + 2] = 0.0;
    }
  }
  block_ = {shape.n_rows,
            n_centers,
            n_slots,
            n_neighbors_.data(),
            center_types_.data(),
            neighbor_types_.data(),
            edge_vectors_.data(),
            per_atom_energy_.data(),
            edge_gradients_.data(),
            novelty ? novelty_.data() : nullptr};
  return block_;
}

}  // namespace qallegro
