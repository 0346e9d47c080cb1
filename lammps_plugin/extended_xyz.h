// Frames of extended XYZ, as ASE reads it, written by rank 0 for all.
#pragma once

#include <string>
#include <vector>

#include "pointers.h"

namespace LAMMPS_NS {

/// Appends frames to a file. Every method must be called by every rank.
class ExtendedXYZ : protected Pointers {
 public:
  /// Ends the run on all ranks if `path` cannot be written to. What is in the file stays.
  ExtendedXYZ(LAMMPS *lmp, std::string path);

  /// All atoms, in the order of their ids. `names`: by LAMMPS type, from type 1 on; `values`: of each local atom, written under `label`;
  /// `largest`: of them, for the head of the frame. A file that cannot be written any more is told once and left alone.
  void append(const std::vector<std::string> &names, const std::string &label, const std::vector<double> &values, double largest);

  const std::string &path() const { return path_; }
  int frames() const { return frames_; }

 private:
  std::string head(const std::string &label, double largest, std::size_t n_atoms) const;

  std::string path_;
  int frames_ = 0;
  bool broken_ = false;
};

}  // namespace LAMMPS_NS
