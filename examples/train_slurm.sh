#!/bin/bash
# Fine-tuning on 32 nodes of four GPUs; `sbatch examples/train_slurm.sh`. Goes on where it was
# stopped when it is submitted again.
#SBATCH --job-name=radvlm
#SBATCH --nodes=32
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=72
#SBATCH --time=12:00:00
#SBATCH --requeue
set -euo pipefail

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export OMP_NUM_THREADS=1

srun torchrun \
  --nnodes "$SLURM_NNODES" --nproc-per-node 4 \
  --rdzv-backend c10d --rdzv-endpoint "$head:29500" --rdzv-id "$SLURM_JOB_ID" \
  --no-python radvlm train recipes/train/radvlm_7b.yaml hardware=128xgh200
