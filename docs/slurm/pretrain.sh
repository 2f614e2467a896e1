#!/bin/bash
# Pretrain on the GPUs of several machines; goes on by itself after the time limit, a preemption or a lost process.
#
#   sbatch docs/slurm/pretrain.sh                           # from the root of the repository
#   sbatch docs/slurm/pretrain.sh stages/draw_audit.py      # any stage that runtime.launch starts
#
# Adapt these to your cluster:
#SBATCH --job-name=diffchest-pretrain
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1        # one torchrun a machine, which starts one process a GPU
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@180        # to this script, three minutes before the limit: finish the step and save
#SBATCH --requeue                  # SLURM itself queues the job again after a preemption or a failed machine
#SBATCH --open-mode=append         # one log for all parts of the run

set -euo pipefail
export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=150  # seconds until torchrun kills what has not saved; its own patience is 30
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"
cd "$SLURM_SUBMIT_DIR"
# shellcheck source=/dev/null
source .venv/bin/activate

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))  # two jobs on one machine do not meet
(($# > 0)) || set -- stages/pretrain.py

# shellcheck disable=SC2317  # reached by the trap
queue_again() {
  echo "stopped before the end; queued again"
  scontrol requeue "$SLURM_JOB_ID"
  exit 143
}
# shellcheck disable=SC2317
stop() {
  stopped=yes
  [[ ${steps:-} ]] || queue_again
  kill -TERM "$steps" 2> /dev/null || true  # srun passes it on to all machines
}
stopped=
trap stop TERM
srun --kill-on-bad-exit=1 torchrun --nnodes "$SLURM_NNODES" --nproc-per-node "${SLURM_GPUS_ON_NODE:-1}" \
  --max-restarts 3 --rdzv-backend c10d --rdzv-endpoint "$first:$port" \
  --rdzv-id "$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}" "$@" &
steps=$!
while true; do
  ended=0
  wait "$steps" || ended=$?
  kill -0 "$steps" 2> /dev/null || break  # else the trap ended the wait, and not srun
done

[[ ! $stopped || $ended == 0 ]] || queue_again
exit "$ended"
