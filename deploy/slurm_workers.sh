#!/bin/bash
# Workers as a job array: sbatch --export=ALL deploy/slurm_workers.sh orders
# CRAWL_STORE, CRAWL_KEY and PGPASSFILE are those of the shell that submits it. `crawl run orders` begins the crawl
# elsewhere, or as a job of its own. A job that is preempted or out of time is told 60 s before: it gives its pages back.
#SBATCH --job-name=crawl-workers
#SBATCH --array=1-8
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@60
#SBATCH --requeue
set -euo pipefail
spider=${1:?name of a spider}
cd "${CRAWL_PROJECT:-$SLURM_SUBMIT_DIR}"

crawl worker "$spider" --wait --until-empty --name "slurm-${SLURM_ARRAY_JOB_ID}-${SLURM_ARRAY_TASK_ID}" &
worker=$!
told=
trap 'told=1; kill -TERM $worker' TERM INT
code=0
wait $worker || code=$?
if [ -n "$told" ]; then # that ended the wait, not the worker
    code=0
    wait $worker || code=$?
fi
exit $code
