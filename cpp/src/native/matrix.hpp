// Small dense matrices in float64, for what is worked out once when a file is loaded.
#pragma once

#include <cstddef>
#include <vector>

namespace qallegro::native {

/// y = x W with W (in, out) row-major; a vector of features is a row.
struct Matrix {
  int in = 0, out = 0;
  std::vector<double> values;

  Matrix() = default;
  Matrix(int in, int out) : in(in), out(out), values(static_cast<std::size_t>(in) * static_cast<std::size_t>(out)) {}

  double &operator()(int i, int o) { return values[static_cast<std::size_t>(i) * out + o]; }
  double operator()(int i, int o) const { return values[static_cast<std::size_t>(i) * out + o]; }
};

Matrix identity(int size);
/// First a, then b. Sizes are the caller's affair.
Matrix product(const Matrix &a, const Matrix &b);
/// Adds b to a, which may still be empty.
void accumulate(Matrix &a, const Matrix &b);
Matrix scaled(Matrix a, double factor);
Matrix rows(const Matrix &a, int first, int count);
Matrix columns(const Matrix &a, int first, int count);

}  // namespace qallegro::native
