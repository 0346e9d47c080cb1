// Memory for one group of centers after the other.
#pragma once

#include "native/kernels/network_kernel.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// What one thread works in; it only grows.
template <class Real>
class GroupMemory {
 public:
  /// A group for `copies` numbers an edge (arithmetic.hpp), its edges loaded.
  Group<Real> load(const NetworkKernel<Real> &network, const Block &block, const Grouping &grouping, Packing packing, int copies) {
    const std::int64_t edges = grouping.lanes, lanes = copies * edges;
    double *memory = lanes_.at_least(static_cast<std::size_t>(6) * edges);
    const std::int64_t own = packing == Packing::shared_vectors ? network.own_harmonics_size(lanes, grouping.size, copies) : 0;
    const Group<Real> group{grouping.centers,
                            grouping.size,
                            {memory, memory + edges, memory + 4 * edges, pairs_.at_least(edges)},
                            memory + 5 * edges,
                            rows_.at_least(static_cast<std::size_t>(network.total_rows()) * lanes),
                            centers_.at_least(static_cast<std::size_t>(grouping.size) * copies * network.center_size()),
                            lanes,
                            own > 0 ? harmonics_.at_least(own) : nullptr};
    network.load_edges(block, group, edges);
    return group;
  }

 private:
  Buffer<Real> rows_, centers_, harmonics_;
  Buffer<double> lanes_;
  Buffer<std::int32_t> pairs_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
