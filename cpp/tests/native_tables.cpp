// Prints the tables of the native engine, for a comparison with e3nn and the model code (tests/unit/test_native_tables.py).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "native/couplings.hpp"
#include "native/wigner.hpp"

using namespace qallegro::native;

namespace {

void print_3j(int l_max) {
  for (int l1 = 0; l1 <= l_max; ++l1)
    for (int l2 = 0; l2 <= l_max; ++l2)
      for (int l3 = std::abs(l1 - l2); l3 <= std::min(l1 + l2, l_max); ++l3) {
        std::printf("3j %d %d %d\n", l1, l2, l3);
        for (const double entry : wigner_3j(l1, l2, l3)) std::printf("%.17g\n", entry);
      }
}

void print_irreps(const std::vector<Irrep> &irreps) {
  for (const Irrep &irrep : irreps) std::printf(" %d %d", irrep.degree, irrep.parity);
  std::printf("\n");
}

void print_couplings(int l_max, int num_layers) {
  for (int l = 0; l <= l_max; ++l)
    for (const bool parity : {false, true})
      for (int layers = 1; layers <= num_layers; ++layers) {
        const auto all = couplings(l, parity, layers);
        for (std::size_t k = 0; k < all.size(); ++k) {
          const Coupling &c = all[k];
          std::printf("coupling %d %d %d %zu %d %d %d %d\n", l, parity, layers, k, c.num_paths, c.d_env, c.d_in, c.d_out);
          print_irreps(c.irreps_in);
          print_irreps(c.irreps_out);
          for (const CouplingEntry &e : c.entries)
            std::printf("%d %d %d %d %.17g\n", e.path, e.environment, e.input, e.output, e.coefficient);
        }
      }
}

void print_steps(int l_max) {
  for (int degree = 2; degree <= l_max; ++degree) {
    std::printf("step %d\n", degree);
    for (const HarmonicEntry &e : harmonic_step(degree)) std::printf("%d %d %d %.17g\n", e.lower, e.axis, e.upper, e.coefficient);
  }
}

}  // namespace

int main() {
  print_3j(6);
  print_couplings(4, 4);
  print_steps(8);
}
