// LAMMPS fix style `qallegro/extrapolation`: what to do with structures unlike those of the training set.
//
//   fix ID group qallegro/extrapolation N [score NAME] [warn X] [dump X FILE] [gap M] [stop X] [error X]
//
// Every N steps, with the largest score of the group (extrapolation_score.h; the deviation of a committee unless another is named): above X of
// `warn` a warning, above that of `dump` the structure is appended to FILE, at most one in M steps; above that of `stop` the run ends after this
// step, above that of `error` LAMMPS ends.
//
// Of the last check, at any step. Scalar: the largest score. Vector: largest, mean and least score, id of the atom of the largest, structures written.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "fix.h"

#include "extended_xyz.h"
#include "extrapolation_score.h"

namespace LAMMPS_NS {

class FixQAllegroExtrapolation : public Fix {
 public:
  FixQAllegroExtrapolation(class LAMMPS *, int, char **);

  int setmask() override;
  void init() override;
  void setup(int vflag) override;
  void min_setup(int vflag) override;
  void post_force(int vflag) override;
  void post_force_respa(int vflag, int ilevel, int iloop) override;
  void min_post_force(int vflag) override;
  double compute_scalar() override;
  double compute_vector(int i) override;

 private:
  struct Worst {
    double score;  ///< a force in LAMMPS's unit; negative without any atoms
    tagint id;
    int type;
    std::array<double, 3> position;
  };

  void check();
  Worst find(const std::vector<double> &scores, double unit);
  double unit(const class PairQAllegro &pair) const;
  void write(class PairQAllegro &pair, const std::vector<double> &scores);
  std::string told(const Worst &worst, const class PairQAllegro &pair, double threshold) const;

  ScoreKind kind_ = ScoreKind::deviation;
  int every_;
  bigint gap_ = 0;
  bigint last_written_ = -1;
  double warn_, dump_, stop_, error_;  ///< thresholds; infinite where none was given
  bool warned_ = false;
  std::unique_ptr<ExtendedXYZ> file_;
  std::array<double, 5> results_{};
};

}  // namespace LAMMPS_NS
