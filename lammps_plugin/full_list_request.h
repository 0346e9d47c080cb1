// Ask LAMMPS for a full neighbor list, in the words of the LAMMPS that is compiled against.
#pragma once

#include <type_traits>
#include <utility>

#include "neighbor.h"
#include "pair.h"
#if __has_include("neigh_request.h")
#include "neigh_request.h"
#endif

namespace LAMMPS_NS {

/// Neighbor::add_request came in 2022; before, the fields of a NeighRequest were set by hand.
template <typename NeighborType, typename = void> struct HasAddRequest : std::false_type {};
template <typename NeighborType>
struct HasAddRequest<NeighborType, std::void_t<decltype(std::declval<NeighborType &>().add_request(std::declval<Pair *>(), 0))>>
    : std::true_type {};

template <typename NeighborType> void request_full_list(NeighborType &neighbor, Pair &pair, int instance) {
  if constexpr (HasAddRequest<NeighborType>::value) {
    // NeighConst::REQ_FULL, whose name older headers lack.
    constexpr int full = 1 << 0;
    neighbor.add_request(&pair, full);
  } else {
    const int index = neighbor.request(&pair, instance);  // may move `requests`
    auto *request = neighbor.requests[index];
    request->half = 0;
    request->full = 1;
  }
}

}  // namespace LAMMPS_NS
