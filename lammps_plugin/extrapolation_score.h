// What tells that a structure is unlike those of the training set.
#pragma once

#include <array>
#include <string>

namespace LAMMPS_NS {

enum class ScoreKind { deviation, novelty, distance, neighbors };

struct ScoreRow {
  const char *name;    ///< as commands call it
  const char *column;  ///< in extended XYZ
  bool force;          ///< eV/Å there, LAMMPS's unit of force elsewhere; other scores have the same value everywhere
  const char *before, *after;  ///< of the atom and of the value, in messages
};

inline constexpr std::array<ScoreRow, 4> kScores = {{
    {"deviation", "force_deviation", true, "the forces of the committee on ", " deviate by "},
    {"novelty", "novelty", false, "the latent features of ", " lie, in units of the farthest atom of the training set, away from it by "},
    {"distance", "distance_below_training", false, "the closest neighbor of ", " is nearer than any such pair in training, in Å by "},
    {"neighbors", "neighbors_outside_training", false, "the number of neighbors of ", " is outside of what such atoms had in training by "},
}};

inline const ScoreRow &row_of(ScoreKind kind) { return kScores[static_cast<int>(kind)]; }

/// The place in `kScores`, -1 for an unknown name.
inline int find_score(const std::string &name) {
  for (std::size_t k = 0; k < kScores.size(); ++k)
    if (name == kScores[k].name) return static_cast<int>(k);
  return -1;
}

}  // namespace LAMMPS_NS
