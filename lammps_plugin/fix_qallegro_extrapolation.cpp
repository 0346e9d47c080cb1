#include "fix_qallegro_extrapolation.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>

#include "atom.h"
#include "comm.h"
#include "timer.h"
#include "update.h"

#include "qallegro_pair.h"

using namespace LAMMPS_NS;
using namespace FixConst;

namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();
const std::string kStyle = "fix qallegro/extrapolation";
const std::string kUsage = "; write for example `fix guard all qallegro/extrapolation 10 warn 0.2 dump 0.3 far.xyz stop 1.0`";

std::string short_number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace

FixQAllegroExtrapolation::FixQAllegroExtrapolation(LAMMPS *lmp, int narg, char **arg)
    : Fix(lmp, narg, arg), warn_(kNone), dump_(kNone), stop_(kNone), error_(kNone) {
  const auto whole = [&](int i, const std::string &what, int least) {
    const std::string text = i < narg ? arg[i] : "nothing";
    char *end = nullptr;
    const long value = std::strtol(text.c_str(), &end, 10);
    if (*end != '\0' || value < least || value > 1000000000)
      error->all(FLERR, kStyle + ": " + what + " must be a whole number of " + std::to_string(least) + " or more, received `" + text + "`" + kUsage);
    return static_cast<int>(value);
  };
  every_ = whole(3, "the steps between two checks", 1);
  for (int i = 4; i < narg; i += 2) {
    const std::string keyword = arg[i];
    if (keyword == "gap") {
      gap_ = whole(i + 1, "`gap`", 0);
      continue;
    }
    if (keyword == "score") {
      const std::string name = i + 1 < narg ? arg[i + 1] : "nothing";
      const int found = find_score(name);
      if (found < 0) error->all(FLERR, kStyle + ": `score` must be `deviation`, `novelty`, `distance` or `neighbors`, received `" + name + "`" + kUsage);
      kind_ = static_cast<ScoreKind>(found);
      continue;
    }
    double *threshold = keyword == "warn" ? &warn_ : keyword == "dump" ? &dump_ : keyword == "stop" ? &stop_ : keyword == "error" ? &error_ : nullptr;
    if (!threshold) error->all(FLERR, kStyle + ": keywords are `score`, `warn`, `dump`, `gap`, `stop` and `error`, received `" + keyword + "`" + kUsage);
    const std::string text = i + 1 < narg ? arg[i + 1] : "nothing";
    char *end = nullptr;
    *threshold = std::strtod(text.c_str(), &end);
    if (*end != '\0' || !(*threshold >= 0.0 && *threshold < kNone))
      error->all(FLERR, kStyle + ": the threshold of `" + keyword + "` must be a number of 0 or more, received `" + text + "`" + kUsage);
    if (keyword == "dump") {
      if (i + 2 >= narg) error->all(FLERR, kStyle + ": `dump` must be followed by a threshold and a file, received no file" + kUsage);
      file_ = std::make_unique<ExtendedXYZ>(lmp, arg[i + 2]);
      ++i;
    }
  }
  nevery = every_;
  scalar_flag = vector_flag = 1;
  size_vector = static_cast<int>(results_.size());
  global_freq = 1;  // what was found last is there at any step
  extscalar = extvector = 0;
  dynamic_group_allow = 1;
}

int FixQAllegroExtrapolation::setmask() { return POST_FORCE | POST_FORCE_RESPA | MIN_POST_FORCE; }

void FixQAllegroExtrapolation::init() { qallegro_pair(*force, *error, kStyle).will_be_asked(kind_, kStyle); }

// The forces at the start of a run are looked at too, whatever its step.
void FixQAllegroExtrapolation::setup(int) {
  warned_ = false;
  check();
}

void FixQAllegroExtrapolation::min_setup(int vflag) { setup(vflag); }

void FixQAllegroExtrapolation::post_force(int) {
  if (update->ntimestep % every_ == 0) check();
}

void FixQAllegroExtrapolation::post_force_respa(int vflag, int, int) { post_force(vflag); }

void FixQAllegroExtrapolation::min_post_force(int vflag) { post_force(vflag); }

void FixQAllegroExtrapolation::check() {
  PairQAllegro &pair = qallegro_pair(*force, *error, kStyle);
  // Under rRESPA the pair style may be evaluated less often than this is called.
  if (pair.evaluated_step() != update->ntimestep) return;
  const std::vector<double> &scores = pair.scores(kind_);
  const Worst worst = find(scores, unit(pair));
  const double largest = worst.score;
  const bool ends = largest > stop_ || largest > error_;
  const bool due = last_written_ < 0 || update->ntimestep < last_written_ || update->ntimestep - last_written_ >= std::max<bigint>(gap_, 1);
  if (file_ && largest > dump_ && (due || (ends && update->ntimestep != last_written_))) write(pair, scores);
  if (largest > error_)
    error->all(FLERR, told(worst, pair, error_) + "; the structure has left what the model was trained on: label it, train anew, or raise `error`");
  if (largest > stop_) {
    if (comm->me == 0) utils::logmesg(lmp, told(worst, pair, stop_) + "; the run ends here, and later ones are skipped\n");
    timer->force_timeout();
  } else if (largest > warn_ && !warned_ && comm->me == 0) {
    error->warning(FLERR, told(worst, pair, warn_));
  }
  // One warning for each time that the threshold is crossed.
  warned_ = largest > warn_;
}

FixQAllegroExtrapolation::Worst FixQAllegroExtrapolation::find(const std::vector<double> &scores, double unit) {
  Worst worst{-1.0, 0, 0, {}};
  double least = kNone;
  std::array<double, 2> sums{};  // of scores, of atoms
  for (int i = 0; i < atom->nlocal; ++i) {
    if (!(atom->mask[i] & groupbit)) continue;
    const double score = unit * scores[i];
    sums[0] += score;
    sums[1] += 1.0;
    least = std::min(least, score);
    if (score > worst.score)
      worst = {score, atom->tag_enable ? atom->tag[i] : 0, atom->type[i], {atom->x[i][0], atom->x[i][1], atom->x[i][2]}};
  }
  struct {
    double value;
    int rank;
  } place{worst.score, comm->me};
  MPI_Allreduce(MPI_IN_PLACE, &place, 1, MPI_DOUBLE_INT, MPI_MAXLOC, world);
  MPI_Bcast(&worst, sizeof(Worst), MPI_BYTE, place.rank, world);
  MPI_Allreduce(MPI_IN_PLACE, sums.data(), 2, MPI_DOUBLE, MPI_SUM, world);
  MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_DOUBLE, MPI_MIN, world);
  const bool any = sums[1] > 0.0;
  results_[0] = any ? worst.score : 0.0;
  results_[1] = any ? sums[0] / sums[1] : 0.0;
  results_[2] = any ? least : 0.0;
  results_[3] = static_cast<double>(worst.id);
  return worst;
}

double FixQAllegroExtrapolation::unit(const PairQAllegro &pair) const { return row_of(kind_).force ? pair.energy_unit() : 1.0; }

void FixQAllegroExtrapolation::write(PairQAllegro &pair, const std::vector<double> &scores) {
  // In eV/Å whatever LAMMPS's units are, as everything in extended XYZ.
  file_->append(pair.names(), row_of(kind_).column, scores, results_[0] / unit(pair));
  last_written_ = update->ntimestep;
  int frames = file_->frames();
  MPI_Bcast(&frames, 1, MPI_INT, 0, world);
  results_[4] = frames;
}

std::string FixQAllegroExtrapolation::told(const Worst &worst, const PairQAllegro &pair, double threshold) const {
  std::string text = kStyle + ": step " + std::to_string(update->ntimestep) + ": " + row_of(kind_).before + "atom " + std::to_string(worst.id) + " (" +
                     pair.names()[worst.type - 1] + ", at " + short_number(worst.position[0]) + " " + short_number(worst.position[1]) + " " +
                     short_number(worst.position[2]) + ")" + row_of(kind_).after + short_number(worst.score) + ", more than " + short_number(threshold);
  if (file_ && file_->frames() > 0) text += "; structures are in `" + file_->path() + "`";
  return text;
}

double FixQAllegroExtrapolation::compute_scalar() { return results_[0]; }

double FixQAllegroExtrapolation::compute_vector(int i) { return results_[i]; }
