"""A crawl each morning as an Airflow DAG: put it into the folder of DAGs, and write your spider and folders into it.

Airflow takes exit code 0 for success, the code of `skip_on_exit_code` for skipped and every other one for a failure.
"""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = "/srv/shop/my-shop"
CRAWL = "/srv/shop/.venv/bin/crawl"

with DAG(
    "crawl_orders",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,  # the crawl goes on where it stopped: a missed morning need not be made up for
    max_active_runs=1,
) as dag:
    crawl = BashOperator(
        task_id="crawl",
        bash_command=f"{CRAWL} run orders --quiet",
        cwd=PROJECT,
        append_env=True,  # HOME, for the file of accounts
        skip_on_exit_code=4,  # another process runs this spider: this morning is in good hands
        retries=0,  # what may pass is tried again within the run; a refused password must not be
    )
    export = BashOperator(
        task_id="export",
        bash_command=f"{CRAWL} export orders -o data/orders.csv",  # code 10: nothing good to write, the old file stays
        cwd=PROJECT,
        append_env=True,
    )
    crawl >> export
