"""Airflow 3: retrains the flights model when driftd asks, and tells driftd how it goes.

driftd starts one run for each of its requests (`dag_run_id` is the request's id) and hands its evidence over in `conf`. The training itself is
`train.py`, in an environment of its own. These variables of Airflow's environment say where things are:

    RETRAIN_PYTHON        the interpreter with requirements.txt
    FLIGHTS_DATA          the folder with the flights
    MLFLOW_TRACKING_URI   MLflow
    DRIFTD                the command `driftd`
    DRIFTD_URL            the daemon, as driftd's http.external_url says it
    DRIFTD_TOKEN_FILE     the file with its http.token
"""

import json
import os
import subprocess
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

from airflow.exceptions import AirflowFailException
from airflow.sdk import dag, get_current_context, task

TRAINING = Path(__file__).resolve().parents[1] / "train.py"
REASON = "reason"  # XCom: why the training failed
RETRY = {"retries": 5, "retry_delay": timedelta(seconds=10)}


def request() -> dict:
    """What driftd asks: request_id, model, version, window, features, reference, links."""
    return get_current_context()["dag_run"].conf["driftd"]


def report(word: dict) -> None:
    """Tells driftd. The same word twice is fine; one that cannot follow any more (409) is no reason to fail: driftd knows better."""
    callback = request()["links"]["callback"]
    # The token goes to driftd only: whoever may start runs by hand can write any address into `conf`.
    if not callback.startswith(os.environ["DRIFTD_URL"].rstrip("/") + "/api/"):
        raise AirflowFailException(f"{callback} is not at DRIFTD_URL")
    headers = {"content-type": "application/json"}
    if token_file := os.environ.get("DRIFTD_TOKEN_FILE"):
        headers["authorization"] = f"Bearer {Path(token_file).read_text().strip()}"
    call = urllib.request.Request(callback, json.dumps(word).encode(), headers)
    try:
        with urllib.request.urlopen(call, timeout=15) as answer:
            print(answer.read().decode())
    except urllib.error.HTTPError as refusal:
        print(refusal.code, refusal.read().decode())
        if refusal.code != 409:
            raise


@dag(dag_id="retrain_flights", schedule=None, catchup=False, max_active_runs=1, is_paused_upon_creation=False, tags=["driftd"])
def retrain_flights():
    @task(**RETRY)
    def accept() -> None:
        report({"status": "running"})

    @task
    def train() -> dict:
        command = [os.environ["RETRAIN_PYTHON"], str(TRAINING), "--data", os.environ["FLIGHTS_DATA"], "--request", request()["request_id"]]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        print(run.stdout, run.stderr, sep="\n")
        if run.returncode != 0:
            lines = run.stderr.strip().splitlines() or [f"exit code {run.returncode}"]
            get_current_context()["ti"].xcom_push(REASON, lines[-1][:1000])
            raise AirflowFailException(lines[-1])
        return json.loads(run.stdout.strip().splitlines()[-1])

    @task(**RETRY)
    def succeed(outcome: dict) -> None:
        report({"status": "succeeded", **outcome})

    @task(**RETRY, trigger_rule="one_failed")
    def fail() -> None:
        reason = get_current_context()["ti"].xcom_pull(task_ids="train", key=REASON)
        report({"status": "failed", "detail": reason or "the run failed before the training ended: see Airflow's log"})

    outcome = train()
    accept() >> outcome
    [succeed(outcome), outcome] >> fail()


retrain_flights()
