// Send what ghost atoms have to their owners, in the words of the LAMMPS that is compiled against.
#pragma once

#include <type_traits>
#include <utility>

#include "comm.h"
#include "pair.h"

namespace LAMMPS_NS {

/// Comm::reverse_comm(Pair *) was called reverse_comm_pair before 2022.
template <typename CommType, typename = void> struct HasReverseCommOfPair : std::false_type {};
template <typename CommType>
struct HasReverseCommOfPair<CommType, std::void_t<decltype(std::declval<CommType &>().reverse_comm(std::declval<Pair *>()))>> : std::true_type {};

template <typename CommType> void reverse_communicate(CommType &comm, Pair &pair) {
  if constexpr (HasReverseCommOfPair<CommType>::value)
    comm.reverse_comm(&pair);
  else
    comm.reverse_comm_pair(&pair);
}

}  // namespace LAMMPS_NS
