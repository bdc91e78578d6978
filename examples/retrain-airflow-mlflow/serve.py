"""Stands in for the service that uses the model: predicts flights with the champion, and prints its inference log, one JSON object a line.

    python serve.py --data run/data --from 2001-02-03 --to 2001-02-05 >> run/log.ndjson
"""

import argparse
import json
import sys
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient

from flights import ALIAS, FEATURES, MODEL, inputs, read


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--from", dest="start", type=pd.Timestamp, required=True)
    arguments.add_argument("--to", dest="end", type=pd.Timestamp, required=True)
    asked = arguments.parse_args()

    version = MlflowClient().get_model_version_by_alias(MODEL, ALIAS).version
    model = mlflow.sklearn.load_model(f"models:/{MODEL}/{version}")
    flights = read(asked.data, asked.start, asked.end)
    flights = flights.assign(prediction=model.predict_proba(inputs(flights))[:, 1])
    for i, flight in enumerate(flights.to_dict("records")):
        record = {
            "id": f"{flight['timestamp']:%Y%m%d}-{version}-{i}",
            "model": MODEL,
            "version": str(version),
            "timestamp": f"{flight['timestamp'].isoformat()}Z",
            "features": {name: flight[name] for name in FEATURES},
            "prediction": round(flight["prediction"], 6),
        }
        sys.stdout.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
