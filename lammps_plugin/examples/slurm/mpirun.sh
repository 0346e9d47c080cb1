#!/bin/bash
# Without a batch system, on one machine:
#
#   RANKS=8 THREADS=1 ./mpirun.sh in.copper -var model copper.qallegro.pth
set -euo pipefail
input=${1:?usage: [RANKS=n] [THREADS=n] ./mpirun.sh INPUT [options of lmp]}
shift

export OMP_NUM_THREADS=${THREADS:-1}
exec mpirun -n "${RANKS:-$(($(nproc) / OMP_NUM_THREADS))}" lmp -in "$input" "$@"
