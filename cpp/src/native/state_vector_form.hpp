// Forms unitary and gates of a circuit: the state vector in real arithmetic (docs/file-format.md).
#pragma once

#include "native/constant_array.hpp"
#include "native/phase_table.hpp"
#include "native/surrogate_reader.hpp"

namespace qallegro::native {

/// Amplitudes are 2 D rows, real parts first; D basis states.
struct StateVector {
  int states = 0;                    ///< D
  ConstantArray<PhaseTable> phases;  ///< the different ones
  ConstantArray<int> encodings;      ///< of each encoding, in `phases`
  ConstantArray<double> signs;       ///< (outputs, D)
};

/// delta = first @ [sin^2; sin cos] of the first encoding; for each later one k its diagonal, then unitaries[k].
struct UnitaryForm {
  StateVector state;
  ConstantArray<double> first;             ///< (2 D, 2 D)
  ConstantArray<double> unitaries;         ///< (encodings - 1, 2 D, 2 D)
  ConstantArray<double> twice_references;  ///< (encodings, 2 D): before each later encoding, then at the end
};

/// A matrix on the leading `size` basis states, or (size 0) nothing; row r goes to row target[r], times sign[r] unless that is empty.
struct GateStep {
  int size = 0;
  ConstantArray<double> matrix;  ///< (2 size, 2 size)
  ConstantArray<int> target;     ///< (2 D)
  ConstantArray<double> sign;    ///< (2 D)
};

struct GatesForm {
  StateVector state;
  ConstantArray<double> twice_references;          ///< (encodings + 1, 2 D): before each encoding, then at the end
  ConstantArray<ConstantArray<GateStep>> blocks;  ///< after each encoding
};

/// Both throw `Error` where record and constants do not fit together.
UnitaryForm read_unitary_form(const SurrogateReader &reader);
GatesForm read_gates_form(const SurrogateReader &reader);

}  // namespace qallegro::native
