#include "native/matrix.hpp"

#include <algorithm>

namespace qallegro::native {

Matrix identity(int size) {
  Matrix result(size, size);
  for (int k = 0; k < size; ++k) result(k, k) = 1.0;
  return result;
}

Matrix product(const Matrix &a, const Matrix &b) {
  Matrix result(a.in, b.out);
  for (int i = 0; i < a.in; ++i)
    for (int k = 0; k < a.out; ++k)
      for (int o = 0; o < b.out; ++o) result(i, o) += a(i, k) * b(k, o);
  return result;
}

void accumulate(Matrix &a, const Matrix &b) {
  if (a.values.empty()) {
    a = b;
    return;
  }
  for (std::size_t k = 0; k < a.values.size(); ++k) a.values[k] += b.values[k];
}

Matrix scaled(Matrix a, double factor) {
  for (double &value : a.values) value *= factor;
  return a;
}

Matrix rows(const Matrix &a, int first, int count) {
  Matrix result(count, a.out);
  std::copy_n(a.values.begin() + static_cast<std::ptrdiff_t>(first) * a.out, result.values.size(), result.values.begin());
  return result;
}

Matrix columns(const Matrix &a, int first, int count) {
  Matrix result(a.in, count);
  for (int i = 0; i < a.in; ++i)
    for (int o = 0; o < count; ++o) result(i, o) = a(i, first + o);
  return result;
}

}  // namespace qallegro::native
