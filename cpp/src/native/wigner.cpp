#include "native/wigner.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "qallegro/error.hpp"

namespace qallegro::native {

namespace {

double factorial(int n) {
  double product = 1.0;
  for (int k = 2; k <= n; ++k) product *= k;
  return product;
}

// Zero outside of 0 <= k <= n. Every partial product is itself a binomial coefficient times at most n: no overflow for n <= 2
// largest_degree.
std::int64_t binomial(int n, int k) {
  if (k < 0 || k > n) return 0;
  std::int64_t value = 1;
  for (int i = 1; i <= k; ++i) value = value * (n - k + i) / i;
  return value;
}

// The Clebsch-Gordan coefficient <l1 m1 l2 m2 | l3 m1+m2> up to a positive factor of the three degrees alone.
// With its factorials gathered into binomial coefficients, whose upper indices add up to l1 + l2 + l3, Racah's alternating
// sum is a sum of integers below 2^(l1 + l2 + l3) and therefore free of cancellation errors.
double clebsch_gordan(int l1, int m1, int l2, int m2, int l3) {
  const int m3 = m1 + m2;
  if (std::abs(m3) > l3) return 0.0;
  std::int64_t sum = 0;
  for (int k = 0; k <= l1 + l2 - l3; ++k) {
    const std::int64_t term = binomial(l1 + l2 - l3, k) * binomial(l1 - l2 + l3, l1 - m1 - k) * binomial(l2 - l1 + l3, l2 + m2 - k);
    sum += k % 2 == 0 ? term : -term;
  }
  double weight = 1.0;
  for (const auto &[l, m] : {std::array{l1, m1}, std::array{l2, m2}, std::array{l3, m3}}) weight *= factorial(l + m) * factorial(l - m);
  return std::sqrt(weight) * static_cast<double>(sum);
}

// Coefficient of the real harmonic (l, real) in the complex one (l, m), |m| = |real|, without the factor (-i)^l:
// real > 0 is the cosine, real < 0 the sine, both with the Condon-Shortley phase taken out.
std::complex<double> real_in_complex(int m, int real) {
  if (real == 0) return 1.0;
  const double phase = m > 0 && m % 2 != 0 ? -1.0 : 1.0;
  if (real > 0) return phase * std::sqrt(0.5);
  return std::complex<double>(0.0, (m > 0 ? phase : -1.0) * std::sqrt(0.5));
}

void check_degrees(int l1, int l2, int l3) {
  const std::string given = "they are " + std::to_string(l1) + ", " + std::to_string(l2) + ", " + std::to_string(l3);
  for (const int degree : {l1, l2, l3})
    if (degree < 0 || degree > largest_degree)
      throw Error("degrees of a 3j tensor must be from 0 to " + std::to_string(largest_degree) + ", " + given + "; use a smaller `l_max`");
  if (l3 < std::abs(l1 - l2) || l3 > l1 + l2)
    throw Error("degrees of a 3j tensor must satisfy |l1 - l2| <= l3 <= l1 + l2, " + given + "; such irreps do not couple");
}

}  // namespace

std::vector<double> wigner_3j(int l1, int l2, int l3) {
  check_degrees(l1, l2, l3);
  const std::array<std::complex<double>, 4> powers_of_minus_i = {{{1, 0}, {0, -1}, {-1, 0}, {0, 1}}};
  const std::complex<double> phase = powers_of_minus_i[(l1 + l2) % 4] * std::conj(powers_of_minus_i[l3 % 4]);
  std::vector<double> tensor(static_cast<std::size_t>(2 * l1 + 1) * (2 * l2 + 1) * (2 * l3 + 1), 0.0);
  double squares = 0.0;
  std::size_t at = 0;
  for (int a = -l1; a <= l1; ++a)
    for (int b = -l2; b <= l2; ++b)
      for (int c = -l3; c <= l3; ++c, ++at) {
        std::complex<double> sum = 0.0;
        // Only m1 = +-a, m2 = +-b with |m1 + m2| = |c| contribute.
        for (int m1 = -std::abs(a); m1 <= std::abs(a); m1 += std::max(1, 2 * std::abs(a)))
          for (int m2 = -std::abs(b); m2 <= std::abs(b); m2 += std::max(1, 2 * std::abs(b))) {
            if (std::abs(m1 + m2) != std::abs(c)) continue;
            sum += real_in_complex(m1, a) * real_in_complex(m2, b) * std::conj(real_in_complex(m1 + m2, c)) *
                   clebsch_gordan(l1, m1, l2, m2, l3);
          }
        tensor[at] = (phase * sum).real();
        squares += tensor[at] * tensor[at];
      }
  for (double &entry : tensor) entry /= std::sqrt(squares);
  return tensor;
}

}  // namespace qallegro::native
