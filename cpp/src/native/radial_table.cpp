#include "native/radial_table.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qallegro::native {

namespace {

constexpr int taps = RadialTable::taps;
constexpr int fewest_intervals = 96, most_intervals = 512;
constexpr int checks_per_interval = 3;
// Rounding of a perceptron in float32 is a few 1e-7 of a value; of a slope it is several times more.
constexpr double value_tolerance = 3e-7, slope_tolerance = 3e-6;
// A table should stay in the caches, and a model of all elements must not fill the memory.
constexpr double most_bytes = 64.0 * (1 << 20);
// Below this share of the cutoff no atoms meet: what functions do there must not loosen the tolerance elsewhere.
constexpr double physical_range = 0.25;

// Knots are even in s(x) = (1 + a) x / (x + a): dense where atoms nearly touch and the radial functions vary fast, wide where they fade.
double along(double x) { return (1.0 + RadialTable::bend) * x / (x + RadialTable::bend); }
double along_slope(double x) { return (1.0 + RadialTable::bend) * RadialTable::bend / ((x + RadialTable::bend) * (x + RadialTable::bend)); }
double distance_at(double s) { return RadialTable::bend * s / (1.0 + RadialTable::bend - s); }

double activate(double x, Activation activation) {
  switch (activation) {
    case Activation::silu:
      return x / (1.0 + std::exp(-x));
    case Activation::mish:
      return x * std::tanh(x > 30.0 ? x : std::log1p(std::exp(x)));
    case Activation::gelu:
      return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case Activation::identity:
      break;
  }
  return x;
}

std::vector<double> times(const std::vector<double> &x, const Matrix &w) {
  std::vector<double> y(w.out, 0.0);
  for (int i = 0; i < w.in; ++i)
    for (int o = 0; o < w.out; ++o) y[o] += x[i] * w(i, o);
  return y;
}

std::vector<double> basis_functions(const RadialEmbedding &radial, double x) {
  std::vector<double> basis(radial.count, 0.0);
  if (x >= 1.0) return basis;
  for (int n = 0; n < radial.count; ++n) {
    if (radial.kind == RadialEmbedding::Kind::bessel) {
      const double p = radial.envelope_p, f = radial.frequencies[n];
      const double envelope = 1.0 + std::pow(x, p) * (-(p + 1.0) * (p + 2.0) / 2.0 + x * (p * (p + 2.0) - x * p * (p + 1.0) / 2.0));
      const double phase = std::numbers::pi * x;
      basis[n] = envelope * (phase > 0.0 ? std::sin(f * phase) / phase : f);
    } else {
      const double width = (radial.span + 1.0) / radial.count, low = static_cast<double>(n - radial.span) / radial.count;
      const double lobe = 1.0 - std::cos(2.0 * std::numbers::pi / width * std::clamp(x - low, 0.0, width));
      basis[n] = 0.25 * lobe * lobe;
    }
  }
  return basis;
}

// Solves A X = B for dense A (n, n) and B (n, m), in place in B.
void solve(std::vector<double> a, int n, std::vector<double> &b, int m) {
  for (int k = 0; k < n; ++k) {
    int pivot = k;
    for (int i = k + 1; i < n; ++i)
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    if (pivot != k) {
      std::swap_ranges(a.begin() + k * n, a.begin() + (k + 1) * n, a.begin() + pivot * n);
      std::swap_ranges(b.begin() + static_cast<std::ptrdiff_t>(k) * m, b.begin() + static_cast<std::ptrdiff_t>(k + 1) * m,
                       b.begin() + static_cast<std::ptrdiff_t>(pivot) * m);
    }
    for (int i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      if (factor == 0.0) continue;
      for (int j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      for (int j = 0; j < m; ++j) b[static_cast<std::size_t>(i) * m + j] -= factor * b[static_cast<std::size_t>(k) * m + j];
    }
  }
  for (int k = n - 1; k >= 0; --k)
    for (int j = 0; j < m; ++j) {
      double value = b[static_cast<std::size_t>(k) * m + j];
      for (int i = k + 1; i < n; ++i) value -= a[k * n + i] * b[static_cast<std::size_t>(i) * m + j];
      b[static_cast<std::size_t>(k) * m + j] = value / a[k * n + k];
    }
}

double basis_value(int k, double t, int derivative) {
  double value = 0.0;
  for (int p = taps - 1; p >= derivative; --p) {
    double factor = quintic_basis()[k][p];
    for (int d = 0; d < derivative; ++d) factor *= p - d;
    value = value * t + factor;
  }
  return value;
}

// One row a condition: values at the knots and in the middle of the first two intervals, and a smooth end at the cutoff.
std::vector<double> conditions(int intervals) {
  const int n = intervals + taps - 1;
  std::vector<double> a(static_cast<std::size_t>(n) * n, 0.0);
  int row = 0;
  const auto put = [&](int interval, double t, int derivative) {
    for (int k = 0; k < taps; ++k) a[static_cast<std::size_t>(row) * n + interval + k] = basis_value(k, t, derivative);
    ++row;
  };
  put(0, 0.0, 0);
  put(0, 0.5, 0);
  put(1, 0.0, 0);
  put(1, 0.5, 0);
  for (int i = 2; i < intervals; ++i) put(i, 0.0, 0);
  for (int derivative = 0; derivative < 3; ++derivative) put(intervals - 1, 1.0, derivative);
  return a;
}

struct Samples {
  std::vector<double> values, slopes;
};

// Values and derivatives by r on an even grid of each pair; derivatives by differences of far higher accuracy than is asked for.
Samples check_samples(const Plan &plan, int pair, int count) {
  Samples samples;
  const double cutoff = plan.cutoffs[pair], h = 1e-4 * cutoff / count;
  for (int s = 0; s < count; ++s) {
    const double r = cutoff * distance_at((s + 0.5) / count);
    const auto at = [&](double distance) { return radial_functions(plan, pair, distance); };
    const auto value = at(r), left = at(r - h), right = at(r + h), far_left = at(r - 2 * h), far_right = at(r + 2 * h);
    for (std::size_t f = 0; f < value.size(); ++f) {
      samples.values.push_back(value[f]);
      samples.slopes.push_back((8.0 * (right[f] - left[f]) - (far_right[f] - far_left[f])) / (12.0 * h));
    }
  }
  return samples;
}

// Largest deviation over the largest size at that distance or beyond.
double relative_error(const std::vector<double> &exact, const std::vector<double> &found, int functions) {
  const int count = static_cast<int>(exact.size()) / functions;
  double worst = 0.0;
  for (int f = 0; f < functions; ++f) {
    double size = 0.0;
    const int physical = static_cast<int>(along(physical_range) * count);
    for (int s = count - 1; s >= physical; --s) size = std::max(size, std::abs(exact[static_cast<std::size_t>(s) * functions + f]));
    for (int s = count - 1; s >= 0; --s) {
      const std::size_t at = static_cast<std::size_t>(s) * functions + f;
      size = std::max(size, std::abs(exact[at]));
      if (size > 0.0) worst = std::max(worst, std::abs(found[at] - exact[at]) / size);
    }
  }
  return worst;
}

void fill(const Plan &plan, int pair, const std::vector<double> &system, RadialTable &table) {
  const int intervals = table.intervals, n = intervals + taps - 1;
  std::vector<double> right;
  const auto put = [&](double place) {
    const auto values = radial_functions(plan, pair, plan.cutoffs[pair] * distance_at(place / intervals));
    right.insert(right.end(), values.begin(), values.end());
  };
  for (const double place : {0.0, 0.5, 1.0, 1.5}) put(place);
  for (int i = 2; i < intervals; ++i) put(i);
  right.resize(static_cast<std::size_t>(n) * table.functions, 0.0);
  solve(system, n, right, table.functions);
  table.coefficients.insert(table.coefficients.end(), right.begin(), right.end());
}

void measure(const Plan &plan, int pair, const Samples &samples, RadialTable &table) {
  const int count = static_cast<int>(samples.values.size()) / table.functions;
  std::vector<double> values, slopes;
  for (int s = 0; s < count; ++s) {
    const double place = (s + 0.5) / count * table.intervals;
    const int i = static_cast<int>(place);
    for (int f = 0; f < table.functions; ++f) {
      double value = 0.0, slope = 0.0;
      for (int k = 0; k < taps; ++k) {
        const double c = table.row(pair, i + k)[f];
        value += c * basis_value(k, place - i, 0);
        slope += c * basis_value(k, place - i, 1);
      }
      values.push_back(value);
      slopes.push_back(slope * table.intervals * along_slope(distance_at(place / table.intervals)) / plan.cutoffs[pair]);
    }
  }
  table.value_error = std::max(table.value_error, relative_error(samples.values, values, table.functions));
  table.slope_error = std::max(table.slope_error, relative_error(samples.slopes, slopes, table.functions));
}

}  // namespace

const QuinticBasis &quintic_basis() {
  // Cox and de Boor's recursion for uniform knots, piece by piece: B_d(x) = [x B_(d-1)(x) + (d + 1 - x) B_(d-1)(x - 1)] / d.
  static const auto table = [] {
    struct Holder {
      QuinticBasis values{};
    } holder;
    double pieces[taps][taps] = {{1.0}};  // [piece][power] of B_d on [piece, piece + 1), in t = x - piece
    for (int d = 1; d < taps; ++d) {
      double next[taps][taps] = {};
      for (int piece = 0; piece <= d; ++piece)
        for (int p = 0; p < d; ++p) {
          if (piece < d) {  // (piece + t) B(t)
            next[piece][p] += piece * pieces[piece][p] / d;
            next[piece][p + 1] += pieces[piece][p] / d;
          }
          if (piece > 0) {  // (d + 1 - piece - t) B(t) of the piece before
            next[piece][p] += (d + 1 - piece) * pieces[piece - 1][p] / d;
            next[piece][p + 1] -= pieces[piece - 1][p] / d;
          }
        }
      std::copy(&next[0][0], &next[0][0] + taps * taps, &pieces[0][0]);
    }
    // On an interval the first of the six coefficients belongs to the function that is in its last piece.
    for (int k = 0; k < taps; ++k) std::copy_n(pieces[taps - 1 - k], taps, holder.values[k]);
    return holder;
  }();
  return table.values;
}

std::vector<double> radial_functions(const Plan &plan, int pair, double r) {
  std::vector<double> features = times(basis_functions(plan.radial, r / plan.cutoffs[pair]), plan.radial.pairs[pair]);
  const Chain &chain = plan.radial_chain;
  for (std::size_t k = 0; k <= chain.hidden.size(); ++k) {
    for (double &value : features) value = activate(value, chain.activation);
    if (k < chain.hidden.size()) features = times(features, chain.hidden[k]);
  }
  std::vector<double> values;
  for (const LinearOp &op : plan.radial_ops) {
    const auto part = times(features, op.weights);
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

std::optional<RadialTable> make_radial_table(const Plan &plan) {
  const int pairs = plan.num_types * plan.num_types;
  RadialTable table;
  table.functions = plan.radial_functions();
  const auto bytes = [&](int intervals) { return 4.0 * pairs * (intervals + taps - 1) * table.functions; };
  if (table.functions == 0 || bytes(fewest_intervals) > most_bytes) return std::nullopt;
  std::vector<Samples> samples;
  for (int pair = 0; pair < pairs; ++pair) samples.push_back(check_samples(plan, pair, checks_per_interval * fewest_intervals * 2 + 1));
  table.intervals = fewest_intervals;
  while (table.intervals <= most_intervals && bytes(table.intervals) <= most_bytes) {
    table.coefficients.clear();
    table.value_error = table.slope_error = 0.0;
    const auto system = conditions(table.intervals);
    bool good = true;
    for (int pair = 0; good && pair < pairs; ++pair) {
      fill(plan, pair, system, table);
      measure(plan, pair, samples[pair], table);
      good = table.value_error <= value_tolerance && table.slope_error <= slope_tolerance;  // false for a NaN
    }
    if (good) return table;
    // The error falls with the sixth power of the step, that of the slope with the fifth.
    const double excess = std::max(table.value_error / value_tolerance, table.slope_error / slope_tolerance);
    const double growth = std::isfinite(excess) ? std::pow(excess, 1.0 / 5.5) : 2.0;
    table.intervals = static_cast<int>(table.intervals * std::clamp(growth, 1.06, 2.0)) + 1;
  }
  return std::nullopt;
}

}  // namespace qallegro::native
