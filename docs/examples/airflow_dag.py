"""Airflow: the export of each night, once it is there; safe to be tried again."""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

# 1 is no failure of the task: the run came to its end, and some rows need a person, who is told.
# 2 (nothing was begun) and 3 (stopped early) fail it. To try again with the same files is safe:
# what was accepted is not sent a second time.
COMMAND = """
set -a; . /etc/bulk-referrals/secrets.env; set +a
code=0
/opt/bulk-referrals/bin/bulk-referrals run '/srv/exports/*.csv' \
  --config /etc/bulk-referrals/settings.toml --yes --log-file - || code=$?
[ "$code" -eq 1 ] || exit "$code"
"""

with DAG(
    dag_id="bulk_referrals",
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # an export holds what is new: past nights are not made up for
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=30)},
):
    BashOperator(task_id="send", bash_command=COMMAND, append_env=True)
