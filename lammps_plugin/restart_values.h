// Numbers and texts in LAMMPS's binary restart files: rank 0 has the file, all ranks get the value.
#pragma once

#include <cstdio>
#include <string>

#include "pointers.h"

namespace LAMMPS_NS {

void write_integer(FILE *fp, int value);
void write_text(FILE *fp, const std::string &text);

struct RestartReader {
  FILE *fp;
  MPI_Comm world;
  int rank;
  Error *error;

  /// Both end the run on all ranks if the file ends early.
  int integer() const;
  std::string text() const;

 private:
  void bytes(void *target, int size) const;
};

}  // namespace LAMMPS_NS
