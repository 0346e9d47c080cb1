#include "native/couplings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>

#include "native/wigner.hpp"
#include "qallegro/error.hpp"

namespace qallegro::native {

namespace {

using Irreps = std::vector<Irrep>;
using Table = std::map<std::array<int, 3>, std::vector<double>>;  // 3j tensors by degrees; paths and layers share them

// Entries that vanish by symmetry are exact zeros of `wigner_3j`; the smallest others are above 1e-3 at degree 8, 5e-5 at degree 20.
constexpr double smallest_coefficient = 1e-12;

bool couples(const Irrep &a, const Irrep &b, const Irrep &out) {
  return std::abs(a.degree - b.degree) <= out.degree && out.degree <= a.degree + b.degree && a.parity * b.parity == out.parity;
}

int dimension(const Irreps &irreps) {
  int sum = 0;
  for (const Irrep &irrep : irreps) sum += 2 * irrep.degree + 1;
  return sum;
}

bool any_couples(const Irreps &as, const Irreps &bs, const Irreps &outs) {
  for (const Irrep &a : as)
    for (const Irrep &b : bs)
      for (const Irrep &out : outs)
        if (couples(a, b, out)) return true;
  return false;
}

void add_path(Coupling &coupling, const std::vector<double> &tensor, const std::array<int, 3> &degrees, const std::array<int, 3> &starts) {
  const auto [l_in, l_env, l_out] = degrees;
  std::size_t at = 0;
  for (int a = 0; a <= 2 * l_in; ++a)
    for (int b = 0; b <= 2 * l_env; ++b)
      for (int c = 0; c <= 2 * l_out; ++c, ++at) {
        const double coefficient = std::sqrt(2.0 * l_out + 1.0) * tensor[at];
        if (std::abs(coefficient) > smallest_coefficient)
          coupling.entries.push_back({coupling.num_paths, starts[1] + b, starts[0] + a, starts[2] + c, coefficient});
      }
  ++coupling.num_paths;
}

Coupling make_coupling(const Irreps &irreps_in, const Irreps &environment, const Irreps &irreps_out, Table &table) {
  Coupling coupling{irreps_in, irreps_out, 0, dimension(environment), dimension(irreps_in), dimension(irreps_out), {}};
  int start_out = 0;
  for (const Irrep &out : irreps_out) {
    int start_in = 0;
    for (const Irrep &in : irreps_in) {
      int start_env = 0;
      for (const Irrep &env : environment) {
        if (couples(in, env, out)) {
          const std::array degrees{in.degree, env.degree, out.degree};
          const auto [found, is_new] = table.try_emplace(degrees);
          if (is_new) found->second = wigner_3j(in.degree, env.degree, out.degree);
          add_path(coupling, found->second, degrees, {start_in, start_env, start_out});
        }
        start_env += 2 * env.degree + 1;
      }
      start_in += 2 * in.degree + 1;
    }
    start_out += 2 * out.degree + 1;
  }
  std::sort(coupling.entries.begin(), coupling.entries.end(), [](const CouplingEntry &x, const CouplingEntry &y) {
    return std::tie(x.output, x.input, x.environment, x.path) < std::tie(y.output, y.input, y.environment, y.path);
  });
  return coupling;
}

}  // namespace

std::vector<Coupling> couplings(int l_max, bool parity, int num_layers) {
  if (l_max < 0 || l_max > largest_degree)
    throw Error("`l_max` must be from 0 to " + std::to_string(largest_degree) + ", it is " + std::to_string(l_max) +
                "; export the model again");
  if (num_layers < 1) throw Error("`num_layers` must be at least 1, it is " + std::to_string(num_layers) + "; export the model again");
  Irreps environment, both;
  for (int degree = 0; degree <= l_max; ++degree) {
    environment.push_back({degree, degree % 2 == 0 ? 1 : -1});
    both.push_back({degree, 1});
    both.push_back({degree, -1});
  }
  std::vector<Irreps> kept = {environment};
  for (int k = 0; k < num_layers; ++k) {
    Irreps targets = k == num_layers - 1 ? Irreps{{0, 1}} : parity ? both : environment;
    std::erase_if(targets, [&](const Irrep &out) { return !any_couples(kept.back(), environment, {out}); });
    kept.push_back(targets);
  }
  for (int k = num_layers - 1; k > 0; --k)
    std::erase_if(kept[k], [&](const Irrep &in) { return !any_couples({in}, environment, kept[k + 1]); });
  Table table;
  std::vector<Coupling> layers;
  for (int k = 0; k < num_layers; ++k) layers.push_back(make_coupling(kept[k], environment, kept[k + 1], table));
  return layers;
}

std::vector<HarmonicEntry> harmonic_step(int degree) {
  if (degree < 2 || degree > largest_degree)
    throw Error("the degree of a step of spherical harmonics must be from 2 to " + std::to_string(largest_degree) + ", it is " +
                std::to_string(degree) + "; the degrees 0 and 1 are 1 and sqrt(3) u");
  const std::vector<double> tensor = wigner_3j(degree - 1, 1, degree);
  const double factor = (2.0 * degree + 1.0) / std::sqrt(static_cast<double>(degree));
  const int d_lower = 2 * degree - 1, d_upper = 2 * degree + 1;
  std::vector<HarmonicEntry> entries;
  for (int upper = 0; upper < d_upper; ++upper)
    for (int lower = 0; lower < d_lower; ++lower)
      for (int axis = 0; axis < 3; ++axis) {
        const double coefficient = factor * tensor[static_cast<std::size_t>(lower * 3 + axis) * d_upper + upper];
        if (std::abs(coefficient) > smallest_coefficient) entries.push_back({lower, axis, upper, coefficient});
      }
  return entries;
}

}  // namespace qallegro::native
