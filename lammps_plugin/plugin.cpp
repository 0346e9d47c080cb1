// Registers pair style `qallegro`, computes `qallegro/latency` and `qallegro/deviation` and fix `qallegro/extrapolation` with the LAMMPS that opens this library
// (https://docs.lammps.org/Developer_plugins.html).
#include <string>

#include "lammps.h"
#include "compute_qallegro_deviation.h"
#include "compute_qallegro_latency.h"
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

static void *create_pair(void *lmp) { return new LAMMPS_NS::PairQAllegro(static_cast<LAMMPS_NS::LAMMPS *>(lmp)); }

static void *create_latency(void *lmp, int narg, char **arg) {
  return new LAMMPS_NS::ComputeQAllegroLatency(static_cast<LAMMPS_NS::LAMMPS *>(lmp), narg, arg);
}

static void *create_deviation(void *lmp, int narg, char **arg) {
  return new LAMMPS_NS::ComputeQAllegroDeviation(static_cast<LAMMPS_NS::LAMMPS *>(lmp), narg, arg);
}

static void *create_extrapolation(void *lmp, int narg, char **arg) {
  return new LAMMPS_NS::FixQAllegroExtrapolation(static_cast<LAMMPS_NS::LAMMPS *>(lmp), narg, arg);
}

void lammpsplugin_init(void *lmp, void *handle, void *regfunc) {
  // LAMMPS tells the user when it is not the version that the plugin was compiled for, as far as the build knew it.
  const std::string compiled_for = QALLEGRO_LAMMPS_VERSION;
  lammpsplugin_t plugin{};
  plugin.version = compiled_for.empty() ? static_cast<LAMMPS_NS::LAMMPS *>(lmp)->version : QALLEGRO_LAMMPS_VERSION;
  plugin.style = "pair";
  plugin.name = "qallegro";
  plugin.info = "Allegro potentials, pair style qallegro " QALLEGRO_VERSION;
  plugin.author = "the qallegro authors";
  plugin.creator.v1 = &create_pair;
  plugin.handle = handle;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);

  plugin.style = "compute";
  plugin.name = "qallegro/latency";
  plugin.info = "where the time of pair style qallegro goes " QALLEGRO_VERSION;
  plugin.creator.v2 = &create_latency;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);

  plugin.name = "qallegro/deviation";
  plugin.info = "how far the forces of a committee lie apart " QALLEGRO_VERSION;
  plugin.creator.v2 = &create_deviation;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);

  plugin.style = "fix";
  plugin.name = "qallegro/extrapolation";
  plugin.info = "what to do where a committee disagrees " QALLEGRO_VERSION;
  plugin.creator.v2 = &create_extrapolation;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);
}
