#!/bin/bash
# A Dask cluster by hand, and workers on it: on one machine `deploy/dask_workers.sh scheduler`, on each of the others
# `deploy/dask_workers.sh node HOST:8786`, then anywhere `deploy/dask_workers.sh crawl HOST:8786 orders 8`.
# The nodes need the package with its extras postgres and dask, the project, and CRAWL_STORE, CRAWL_KEY and PGPASSFILE in
# their environment: nothing secret goes through the scheduler. A cluster that you have already does as well.
set -euo pipefail
cd "${CRAWL_PROJECT:-.}"

case ${1:?scheduler, node or crawl} in
scheduler)
    # a member that dies with its node is started elsewhere, more often than the usual three times
    export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=1000
    exec dask scheduler --host "${2:-0.0.0.0}" --port 8786
    ;;
node)
    # as many threads as workers of ours may run on this node
    exec dask worker "tcp://${2:?HOST:PORT of the scheduler}" --nworkers 1 --nthreads "${3:-4}"
    ;;
crawl)
    crawl workers start "${3:?name of a spider}" --engine "dask://${2:?HOST:PORT of the scheduler}" -n "${4:-8}" --wait --until-empty
    ;;
*)
    echo "scheduler, node or crawl" >&2
    exit 2
    ;;
esac
