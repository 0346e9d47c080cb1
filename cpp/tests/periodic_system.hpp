// A small periodic system and its edges by brute force over images.
#pragma once

#include <random>
#include <vector>

#include "qallegro/potential.hpp"

struct PeriodicSystem {
  std::vector<double> positions;    // (n, 3) Å
  std::vector<double> cell;         // (3, 3) Å
  std::vector<std::int32_t> types;  // (n)
  std::int64_t n_atoms() const { return static_cast<std::int64_t>(types.size()); }
};

/// A distorted simple cubic lattice of n^3 atoms, spacing 2.7 Å, in a triclinic cell that is smaller than the cutoff for n = 1.
inline PeriodicSystem lattice(int n, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> noise(-0.25, 0.25);
  PeriodicSystem system;
  const double spacing = 2.7, length = n * spacing;
  system.cell = {length, 0.0, 0.0, 0.3 * length, length, 0.0, -0.1 * length, 0.2 * length, length};
  for (int a = 0; a < n; ++a)
    for (int b = 0; b < n; ++b)
      for (int c = 0; c < n; ++c) {
        const double s[3] = {double(a) / n, double(b) / n, double(c) / n};
        for (int d = 0; d < 3; ++d)
          system.positions.push_back(s[0] * system.cell[d] + s[1] * system.cell[3 + d] + s[2] * system.cell[6 + d] + noise(random));
        system.types.push_back(static_cast<std::int32_t>((a + b + c) % 2));
      }
  return system;
}

struct Edges {
  std::vector<std::int32_t> centers, neighbors, types, pairs, shifts;
  std::vector<std::int64_t> first_edge{0};
  std::vector<double> vectors;

  qallegro::EdgeList view() const {
    return {static_cast<std::int64_t>(types.size()),
            static_cast<std::int64_t>(centers.size()),
            centers.data(),
            first_edge.data(),
            neighbors.data(),
            vectors.data(),
            types.data()};
  }
};

/// All edges shorter than `reach`, which is longer than r_max: what a face with a Verlet skin hands in.
inline Edges edges_of(const PeriodicSystem &system, double reach, int images) {
  Edges edges;
  edges.types = system.types;
  for (std::int32_t i = 0; i < system.n_atoms(); ++i) {
    edges.centers.push_back(i);
    for (std::int32_t j = 0; j < system.n_atoms(); ++j)
      for (int a = -images; a <= images; ++a)
        for (int b = -images; b <= images; ++b)
          for (int c = -images; c <= images; ++c) {
            if (i == j && a == 0 && b == 0 && c == 0) continue;
            double v[3], r2 = 0.0;
            for (int d = 0; d < 3; ++d) {
              v[d] = system.positions[3 * j + d] - system.positions[3 * i + d] + a * system.cell[d] + b * system.cell[3 + d] +
                     c * system.cell[6 + d];
              r2 += v[d] * v[d];
            }
            if (r2 >= reach * reach) continue;
            edges.neighbors.push_back(j);
            edges.pairs.insert(edges.pairs.end(), {i, j});
            edges.shifts.insert(edges.shifts.end(), {a, b, c});
            edges.vectors.insert(edges.vectors.end(), v, v + 3);
          }
    edges.first_edge.push_back(static_cast<std::int64_t>(edges.neighbors.size()));
  }
  return edges;
}
