// Form fourier of a circuit: trigonometric polynomials, as lists of rows that a kernel runs through (docs/file-format.md).
#pragma once

#include "native/constant_array.hpp"
#include "native/surrogate_reader.hpp"

namespace qallegro::native {

/// Entry t of the table of functions: row 1 + 2 t is sin^2(k x / 2), row 2 + 2 t is sin(k x / 2) cos(k x / 2); row 0 is one.
struct TableEntry {
  int feature = 0, frequency = 0;
};

/// Products of some leading features' functions. Rows starts[a] .. starts[a + 1] - 1 are row functions[a] of the table times rows
/// `parents` of the level before, or of the table on the first level.
struct ProductLevel {
  ConstantArray<int> functions, starts, parents;
};

struct FourierGroup {
  ConstantArray<ProductLevel> levels;
  int num_sums = 0, num_products = 0;
  ConstantArray<double> coefficients;             ///< (num_sums, num_products), products of the last level
  ConstantArray<ConstantArray<int>> contracted;  ///< rows of the table for each later feature, slowest in the sums first
  ConstantArray<int> outputs;
};

struct FourierForm {
  ConstantArray<TableEntry> table;  ///< by feature, then frequency
  ConstantArray<FourierGroup> groups;
  ConstantArray<int> zero_outputs;  ///< in no group
};

/// Throws `Error` where record and constants do not fit together.
FourierForm read_fourier_form(const SurrogateReader &reader);

}  // namespace qallegro::native
