"""Predict time, efficiency and memory of LAMMPS runs with `pair_style qallegro` on many MPI ranks from constants measured on one."""
