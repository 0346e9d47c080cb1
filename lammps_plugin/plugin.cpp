// Registers pair style `qallegro`, computes `qallegro/latency`, `qallegro/deviation` and `qallegro/extrapolation` and fix
// `qallegro/extrapolation` with the LAMMPS that opens this library (https://docs.lammps.org/Developer_plugins.html).
#include <string>

#include "lammps.h"
#include "compute_qallegro_latency.h"
#include "compute_qallegro_score.h"
#include "fix_qallegro_extrapolation.h"
#include "pair_qallegro.h"

extern "C" {

// The interface of LAMMPS's PLUGIN package, declared here because installed LAMMPS headers lack lammpsplugin.h.
struct lammpsplugin_t {
  const char *version;
  const char *style;
  const char *name;
  const char *info;
  const char *author;
  union {
    void *(*v1)(void *);
    void *(*v2)(void *, int, char **);
  } creator;
  void *handle;
};
using lammpsplugin_regfunc = void (*)(lammpsplugin_t *, void *);

__attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle, void *regfunc);
}

using namespace LAMMPS_NS;

template <class Style> static void *create(void *lmp, int narg, char **arg) { return new Style(static_cast<LAMMPS *>(lmp), narg, arg); }

static void *create_pair(void *lmp) { return new PairQAllegro(static_cast<LAMMPS *>(lmp)); }

void lammpsplugin_init(void *lmp, void *handle, void *regfunc) {
  // LAMMPS tells the user when it is not the version that the plugin was compiled for, as far as the build knew it.
  const std::string compiled_for = QALLEGRO_LAMMPS_VERSION;
  lammpsplugin_t plugin{};
  plugin.version = compiled_for.empty() ? static_cast<LAMMPS *>(lmp)->version : QALLEGRO_LAMMPS_VERSION;
  plugin.author = "the qallegro authors";
  plugin.handle = handle;
  const auto enter = [&](const char *style, const char *name, const char *info) {
    plugin.style = style;
    plugin.name = name;
    plugin.info = info;
    reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);
  };
  plugin.creator.v1 = &create_pair;
  enter("pair", "qallegro", "Allegro potentials, pair style qallegro " QALLEGRO_VERSION);
  plugin.creator.v2 = &create<ComputeQAllegroLatency>;
  enter("compute", "qallegro/latency", "where the time of pair style qallegro goes " QALLEGRO_VERSION);
  plugin.creator.v2 = &create<ComputeQAllegroScore>;
  enter("compute", "qallegro/deviation", "how far the forces of a committee lie apart " QALLEGRO_VERSION);
  enter("compute", "qallegro/extrapolation", "how unlike the training set each atom is " QALLEGRO_VERSION);
  plugin.creator.v2 = &create<FixQAllegroExtrapolation>;
  enter("fix", "qallegro/extrapolation", "what to do with structures unlike the training set " QALLEGRO_VERSION);
}
