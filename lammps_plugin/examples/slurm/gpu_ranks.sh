#!/bin/bash
# One rank a GPU. The input says what runs there:
#
#   pair_style qallegro engine torchscript device cuda
#
#   sbatch gpu_ranks.sh in.copper -var model copper.qallegro.pth
#
# The ranks of a node take its GPUs in turn by themselves, so every rank must see all GPUs of its node: no --gpus-per-task and no
# --gpu-bind, which would show each rank a single one and hide the others.
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

srun --mpi=pmi2 --cpu-bind=cores lmp -in "$input" -log "log.$SLURM_JOB_ID" "$@"
