"""A DAG for who has Airflow or Cloud Composer: it looks every ten minutes, and Millrace decides what starts.

It calls the command and imports nothing of Millrace, which has an environment of its own: Airflow's packages and TFX's
cannot be in one. The file reads with Airflow 2.4 and newer, 3 included.
"""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator

PROJECT = "/srv/millrace/taxi"
"""The folder of the project, seen by Airflow's workers; on Composer below /home/airflow/gcs/data."""

COMMAND = ".venv/bin/millrace triggers check --start --config conf/taxi.yaml"
"""What decides, and starts the run: exit code 0 nothing to do or done, 1 a fault, 2 bad input, 3 a gate said no."""

# On Vertex AI in place of this machine, where Airflow's own schedule is the trigger:
# COMMAND = ".venv/bin/millrace submit --wait --config conf/taxi.yaml --job-id taxi-{{ ts_nodash | lower }}"

with DAG(
    dag_id="millrace_taxi",
    schedule=timedelta(minutes=10),
    start_date=datetime(2026, 1, 1),
    # What was missed is triggers.catch_up's to decide, and one run at a time is enough.
    catchup=False,
    max_active_runs=1,
    tags=["millrace"],
) as dag:
    BashOperator(
        task_id="check_and_run",
        bash_command=COMMAND,
        cwd=PROJECT,
        append_env=True,
        # A run that failed or was blocked is not started again by itself.
        retries=0,
        execution_timeout=timedelta(hours=12),
    )
