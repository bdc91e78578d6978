"""Trains the flights model on the newest data, registers it in MLflow together with the reference snapshot of that data, and puts the alias
`champion` on it. For one request it makes one version, however often it is run. The last line of its output is JSON: the version, and how it came out.

    python train.py --data run/data --until 2001-01-15      the first version, by hand
    python train.py --data run/data --request msg_…         what the DAG does
"""

import argparse
import json
import os
import shlex
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from flights import ALIAS, FEATURES, MODEL, REFERENCE, inputs, newest, read

DAYS = 14  # driftd calibrates its limits on the data's own days: seven at least, two weeks for weekdays and weekends
REQUEST_TAG = "driftd.request_id"  # by this tag driftd knows which of its requests a version answers
LATE_MINUTES = 15
WORSE_BY = 0.02  # a new model may be worse than the champion by this much of AUC, no more


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--until", type=pd.Timestamp, help="train on the days before; by default on the newest")
    arguments.add_argument("--request", default="", help="driftd's request_id")
    asked = arguments.parse_args()

    client = MlflowClient()
    version = made_before(client, asked.request)
    if version is None:
        version = train(client, asked.data, asked.until or newest(asked.data), asked.request)
    # Last: who looks up the champion finds a version that is complete, with its reference.
    client.set_registered_model_alias(MODEL, ALIAS, version.version)
    print(json.dumps({"version": str(version.version), "detail": version.description}))


def made_before(client: MlflowClient, request: str):
    """The version that an earlier run for the same request has registered."""
    if request == "":
        return None
    versions = client.search_model_versions(f"name = '{MODEL}'")
    return next((version for version in versions if version.tags.get(REQUEST_TAG) == request), None)


def train(client: MlflowClient, data: Path, until: pd.Timestamp, request: str):
    flights = read(data, until - timedelta(days=DAYS), until)
    held_out = flights.timestamp >= until - timedelta(days=2)
    model = fit(flights[~held_out])
    auc = auc_of(model, flights[held_out])
    champion = champion_of(client)
    compared = "" if champion is None else f", the champion's is {auc_of(champion, flights[held_out]):.3f}"
    detail = f"AUC {auc:.3f} on the last two days{compared}"
    if champion is not None and auc < auc_of(champion, flights[held_out]) - WORSE_BY:
        raise SystemExit(f"the new model is worse: {detail}")

    with mlflow.start_run(run_name=request or "by hand") as run, tempfile.TemporaryDirectory() as folder:
        mlflow.log_params({"from": flights.timestamp.min(), "until": until, "flights": len(flights)})
        mlflow.log_metric("auc", auc)
        bundle = Path(folder) / "model"
        mlflow.sklearn.save_model(model, str(bundle), pip_requirements=["-r", str(Path(__file__).with_name("requirements.txt"))])
        build_reference(flights, bundle / REFERENCE)
        mlflow.log_artifacts(str(bundle), "model")
        if not client.search_registered_models(f"name = '{MODEL}'"):
            client.create_registered_model(MODEL)
        # Registered when everything is there: a version with the tag of a request is a finished one.
        return client.create_model_version(
            MODEL,
            source=f"{run.info.artifact_uri}/model",
            run_id=run.info.run_id,
            tags={REQUEST_TAG: request} if request else {},
            description=detail,
        )


def fit(flights: pd.DataFrame) -> Pipeline:
    """Whether a flight will be late: a logistic regression, small on purpose."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["origin", "destination", "hour"]),
        (StandardScaler(), ["distance"]),
    )
    sample = flights.sample(min(len(flights), 30_000), random_state=1)
    return make_pipeline(columns, LogisticRegression(max_iter=200)).fit(inputs(sample), sample.delay >= LATE_MINUTES)


def auc_of(model: Pipeline, flights: pd.DataFrame) -> float:
    return roc_auc_score(flights.delay >= LATE_MINUTES, model.predict_proba(inputs(flights))[:, 1])


def champion_of(client: MlflowClient) -> Pipeline | None:
    try:
        return mlflow.sklearn.load_model(f"models:/{MODEL}@{ALIAS}")
    except mlflow.MlflowException:
        return None


def build_reference(flights: pd.DataFrame, output: Path) -> None:
    """What driftd will compare with. Without the predictions, and for no version in particular: until the service has the new model, the records of
    the old one are judged by it too."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "flights.parquet"
        flights[["timestamp", *FEATURES]].to_parquet(table, index=False)
        driftd = shlex.split(os.environ.get("DRIFTD", "driftd"))
        flags = ["--input", str(table), "--output", str(output), "--model", MODEL, "--timestamp", "timestamp"]
        subprocess.run([*driftd, "reference", "build", *flags], check=True)


if __name__ == "__main__":
    main()
