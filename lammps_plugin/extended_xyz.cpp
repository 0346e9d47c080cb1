#include "extended_xyz.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "update.h"

using namespace LAMMPS_NS;

namespace {

using Row = std::array<double, 6>;  // id, type, x, y, z, value

template <class... Values> std::string formatted(const char *format, Values... values) {
  std::array<char, 512> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

}  // namespace

ExtendedXYZ::ExtendedXYZ(LAMMPS *lmp, std::string path) : Pointers(lmp), path_(std::move(path)) {
  int reason = 0;
  if (comm->me == 0) {
    FILE *file = std::fopen(path_.c_str(), "ab");
    if (file)
      std::fclose(file);
    else
      reason = errno;
  }
  MPI_Bcast(&reason, 1, MPI_INT, 0, world);
  if (reason) error->all(FLERR, "a file for structures must be one that can be written to, received `" + path_ + "`: " + std::strerror(reason));
}

std::string ExtendedXYZ::head(const std::string &label, double largest, std::size_t n_atoms) const {
  const Domain &box = *domain;
  const auto letter = [](int periodic) { return periodic ? 'T' : 'F'; };
  return std::to_string(n_atoms) + "\n" +
         formatted("Lattice=\"%.12g 0 0 %.12g %.12g 0 %.12g %.12g %.12g\" pbc=\"%c %c %c\" ", box.xprd, box.xy, box.yprd, box.xz, box.yz, box.zprd,
                   letter(box.xperiodic), letter(box.yperiodic), letter(box.zperiodic)) +
         "Properties=species:S:1:pos:R:3:id:I:1:" + label + ":R:1 " +
         formatted("step=%lld max_%s=%.8g\n", static_cast<long long>(update->ntimestep), label.c_str(), largest);
}

void ExtendedXYZ::append(const std::vector<std::string> &names, const std::string &label, const std::vector<double> &values, double largest) {
  std::vector<Row> rows(atom->nlocal);
  for (int i = 0; i < atom->nlocal; ++i)
    rows[i] = {atom->tag_enable ? static_cast<double>(atom->tag[i]) : 0.0,
               static_cast<double>(atom->type[i]),
               atom->x[i][0] - domain->boxlo[0],
               atom->x[i][1] - domain->boxlo[1],
               atom->x[i][2] - domain->boxlo[2],
               values[i]};
  constexpr int width = static_cast<int>(std::tuple_size<Row>::value);
  const int own = width * atom->nlocal;
  std::vector<int> counts(comm->nprocs), places(comm->nprocs);
  MPI_Gather(&own, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, world);
  for (int r = 1; r < comm->nprocs; ++r) places[r] = places[r - 1] + counts[r - 1];
  std::vector<Row> all(comm->me == 0 ? (places.back() + counts.back()) / width : 0);
  MPI_Gatherv(rows.data(), own, MPI_DOUBLE, all.data(), counts.data(), places.data(), MPI_DOUBLE, 0, world);
  if (comm->me != 0 || broken_) return;
  std::stable_sort(all.begin(), all.end(), [](const Row &a, const Row &b) { return a[0] < b[0]; });
  std::string text = head(label, largest, all.size());
  for (const Row &row : all) {
    const std::string &name = names[static_cast<std::size_t>(row[1]) - 1];
    text += formatted("%s %.10g %.10g %.10g %.0f %.8g\n", name == "NULL" ? "X" : name.c_str(), row[2], row[3], row[4], row[0], row[5]);
  }
  FILE *file = std::fopen(path_.c_str(), "ab");
  const bool whole = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if ((file && std::fclose(file) != 0) || !whole) {
    broken_ = true;
    error->warning(FLERR, "structures cannot be written to `" + path_ + "` any more (" + std::strerror(errno) + "); the run goes on without them");
    return;
  }
  ++frames_;
}
