// Angular tables of the native engine by their mathematical properties; tests/unit/test_native_tables.py compares them with e3nn.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <random>

#include "check.hpp"
#include "native/couplings.hpp"
#include "native/wigner.hpp"

using namespace qallegro::native;

namespace {

constexpr int highest = 8;
constexpr double rounding = 1e-13;  // of sums of at most 17^2 products of order one

using Vector = std::array<double, 3>;

// Y_l of a unit vector by the recursion, for l = 0..l_max.
std::vector<std::vector<double>> harmonics(const Vector &u, int l_max) {
  std::vector<std::vector<double>> all = {{1.0}, {std::sqrt(3.0) * u[0], std::sqrt(3.0) * u[1], std::sqrt(3.0) * u[2]}};
  for (int degree = 2; degree <= l_max; ++degree) {
    std::vector<double> next(2 * degree + 1, 0.0);
    for (const HarmonicEntry &e : harmonic_step(degree)) next[e.upper] += e.coefficient * all.back()[e.lower] * u[e.axis];
    all.push_back(next);
  }
  return all;
}

Vector random_direction(std::mt19937 &generator) {
  std::normal_distribution<double> normal;
  const Vector v = {normal(generator), normal(generator), normal(generator)};
  const double length = std::hypot(v[0], v[1], v[2]);
  return {v[0] / length, v[1] / length, v[2] / length};
}

template <class Body>
void for_triangles(int l_max, Body body) {
  for (int a = 0; a <= l_max; ++a)
    for (int b = 0; b <= l_max; ++b)
      for (int c = std::abs(a - b); c <= std::min(a + b, l_max); ++c) body(a, b, c);
}

double at(const std::vector<double> &tensor, int d2, int d3, int a, int b, int c) {
  return tensor[static_cast<std::size_t>(a * d2 + b) * d3 + c];
}

}  // namespace

TEST(couplings_of_orthonormal_harmonics_are_orthogonal) {
  for_triangles(highest, [](int l1, int l2, int l3) {
    const auto tensor = wigner_3j(l1, l2, l3);
    const int d1 = 2 * l1 + 1, d2 = 2 * l2 + 1, d3 = 2 * l3 + 1;
    for (int c = 0; c < d3; ++c)
      for (int other = 0; other <= c; ++other) {
        double sum = 0.0;
        for (int a = 0; a < d1; ++a)
          for (int b = 0; b < d2; ++b) sum += at(tensor, d2, d3, a, b, c) * at(tensor, d2, d3, a, b, other);
        CHECK_CLOSE(sum, c == other ? 1.0 / d3 : 0.0, rounding);
      }
  });
}

TEST(swapped_operands_give_the_sign_of_the_degrees) {
  for_triangles(highest, [](int l1, int l2, int l3) {
    const auto one = wigner_3j(l1, l2, l3), other = wigner_3j(l2, l1, l3);
    const int d1 = 2 * l1 + 1, d2 = 2 * l2 + 1, d3 = 2 * l3 + 1;
    const double sign = (l1 + l2 + l3) % 2 == 0 ? 1.0 : -1.0;
    for (int a = 0; a < d1; ++a)
      for (int b = 0; b < d2; ++b)
        for (int c = 0; c < d3; ++c) CHECK_CLOSE(at(one, d2, d3, a, b, c), sign * at(other, d1, d3, b, a, c), rounding);
  });
}

TEST(vectors_couple_to_their_dot_and_cross_product) {
  const auto dot = wigner_3j(1, 1, 0), cross = wigner_3j(1, 1, 1);
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) {
      CHECK_CLOSE(dot[a * 3 + b], a == b ? std::sqrt(1.0 / 3.0) : 0.0, rounding);
      for (int c = 0; c < 3; ++c) CHECK_CLOSE(at(cross, 3, 3, a, b, c), (a - b) * (b - c) * (c - a) / 2.0 / std::sqrt(6.0), rounding);
    }
}

TEST(products_of_harmonics_of_one_direction_are_harmonics) {
  std::mt19937 generator(1);
  const Vector u = random_direction(generator);
  const auto y = harmonics(u, highest);
  for_triangles(highest, [&](int l1, int l2, int l3) {
    const auto tensor = wigner_3j(l1, l2, l3);
    const int d1 = 2 * l1 + 1, d2 = 2 * l2 + 1, d3 = 2 * l3 + 1;
    // On the polar axis only m = 0 remains, where Y_l0 = sqrt(2 l + 1).
    const double ratio = at(tensor, d2, d3, l1, l2, l3) * std::sqrt(static_cast<double>(d1) * d2 / d3);
    for (int c = 0; c < d3; ++c) {
      double sum = 0.0;
      for (int a = 0; a < d1; ++a)
        for (int b = 0; b < d2; ++b) sum += at(tensor, d2, d3, a, b, c) * y[l1][a] * y[l2][b];
      CHECK_CLOSE(sum, ratio * y[l3][c], rounding);
    }
  });
}

TEST(harmonics_obey_the_addition_theorem) {
  std::mt19937 generator(2);
  for (int trial = 0; trial < 10; ++trial) {
    const Vector u = random_direction(generator), v = random_direction(generator);
    const auto y_u = harmonics(u, highest), y_v = harmonics(v, highest);
    const double cosine = u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
    double legendre = 1.0, previous = 0.0;
    for (int degree = 0; degree <= highest; ++degree) {
      double product = 0.0, square = 0.0;
      for (int m = 0; m <= 2 * degree; ++m) {
        product += y_u[degree][m] * y_v[degree][m];
        square += y_u[degree][m] * y_u[degree][m];
      }
      CHECK_CLOSE(product, (2 * degree + 1) * legendre, rounding);
      CHECK_CLOSE(square, 2 * degree + 1, rounding);
      const double next = ((2 * degree + 1) * cosine * legendre - degree * previous) / (degree + 1);
      previous = legendre;
      legendre = next;
    }
  }
}

TEST(harmonics_are_positive_on_the_polar_axis) {
  const auto y = harmonics({0.0, 1.0, 0.0}, highest);
  for (int degree = 0; degree <= highest; ++degree)
    for (int m = -degree; m <= degree; ++m) CHECK_CLOSE(y[degree][degree + m], m == 0 ? std::sqrt(2.0 * degree + 1.0) : 0.0, rounding);
}

TEST(harmonics_of_degree_2_have_their_formula) {
  std::mt19937 generator(3);
  const auto [x, y, z] = random_direction(generator);
  const auto harmonic = harmonics({x, y, z}, 2)[2];
  const double root = std::sqrt(15.0);
  const double expected[] = {root * x * z, root * x * y, std::sqrt(5.0) * (1.5 * y * y - 0.5), root * y * z, root / 2 * (z * z - x * x)};
  for (int m = 0; m < 5; ++m) CHECK_CLOSE(harmonic[m], expected[m], rounding);
}

TEST(couplings_have_the_counted_non_zeros) {
  struct Case {
    int l_max, first, last;
  };
  // Two layers with parity: non-zero 3j entries of the first and the last one.
  for (const Case &entry : {Case{1, 10, 4}, Case{2, 83, 9}, Case{3, 353, 16}}) {
    const auto layers = couplings(entry.l_max, true, 2);
    CHECK(layers.size() == 2);
    CHECK(static_cast<int>(layers.front().entries.size()) == entry.first);
    CHECK(static_cast<int>(layers.back().entries.size()) == entry.last);
  }
}

TEST(layers_fit_together_and_end_in_a_scalar) {
  for (int l_max = 0; l_max <= 4; ++l_max)
    for (const bool parity : {false, true})
      for (int num_layers = 1; num_layers <= 5; ++num_layers) {
        const auto layers = couplings(l_max, parity, num_layers);
        CHECK(static_cast<int>(layers.size()) == num_layers);
        CHECK(layers.front().d_in == (l_max + 1) * (l_max + 1));
        CHECK((layers.back().irreps_out == std::vector<Irrep>{{0, 1}}));
        for (std::size_t k = 1; k < layers.size(); ++k) CHECK(layers[k].irreps_in == layers[k - 1].irreps_out);
      }
}

TEST(degrees_out_of_range_are_errors) {
  CHECK_ERROR(wigner_3j(1, 1, 3), "must satisfy |l1 - l2| <= l3 <= l1 + l2, they are 1, 1, 3");
  CHECK_ERROR(wigner_3j(-1, 1, 1), "must be from 0 to 20");
  CHECK_ERROR(wigner_3j(21, 21, 0), "must be from 0 to 20");
  CHECK_ERROR(couplings(-1, true, 2), "`l_max` must be from 0 to 20, it is -1");
  CHECK_ERROR(couplings(21, true, 2), "`l_max` must be from 0 to 20, it is 21");
  CHECK_ERROR(couplings(1, true, 0), "`num_layers` must be at least 1, it is 0");
  CHECK_ERROR(harmonic_step(1), "must be from 2 to 20, it is 1");
  CHECK_ERROR(harmonic_step(21), "must be from 2 to 20, it is 21");
}

int main() { return check::run(); }
