#include "restart_values.h"

#include "error.h"

namespace LAMMPS_NS {

namespace {
constexpr int kLongestText = 1 << 16;
}

void write_integer(FILE *fp, int value) { fwrite(&value, sizeof(int), 1, fp); }

void write_text(FILE *fp, const std::string &text) {
  write_integer(fp, static_cast<int>(text.size()));
  fwrite(text.data(), 1, text.size(), fp);
}

void RestartReader::bytes(void *target, int size) const {
  int good = 1;
  if (rank == 0) good = fread(target, 1, size, fp) == static_cast<std::size_t>(size);
  MPI_Bcast(&good, 1, MPI_INT, 0, world);
  if (!good) error->all(FLERR, "pair_style qallegro: the restart file ends early; it is truncated, take an older one");
  MPI_Bcast(target, size, MPI_CHAR, 0, world);
}

int RestartReader::integer() const {
  int value = 0;
  bytes(&value, sizeof(int));
  return value;
}

std::string RestartReader::text() const {
  const int length = integer();
  if (length < 0 || length > kLongestText)
    error->all(FLERR, "pair_style qallegro: a text in the restart file must have 0 to 65536 letters, received " +
                          std::to_string(length) + "; the file is damaged or of another version, give pair_style anew");
  std::string text(length, '\0');
  if (length > 0) bytes(&text[0], length);
  return text;
}

}  // namespace LAMMPS_NS
