#!/usr/bin/env bash
# MLflow and Airflow for the end-to-end tests, each in an environment of its own under .cache/; does nothing when they are there. What they bring
# along is pinned in scripts/constraints/ (`uv pip freeze` of an environment that works).
# The versions stand in test/support/venvs.ts too.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.cache/venv/uv-0.13.9
environment() { # folder, package
  # Written last: an installation that was cut off is begun anew.
  [ "$(cat ".cache/venv/$1/installed" 2>/dev/null)" = "$2" ] && return
  if [ ! -x "$uv/bin/uv" ]; then
    python3 -m venv "$uv"
    "$uv/bin/pip" install -q --disable-pip-version-check "uv==0.13.9"
  fi
  rm -rf ".cache/venv/$1"
  "$uv/bin/uv" venv -q --python "$(command -v python3)" ".cache/venv/$1"
  "$uv/bin/uv" pip install -q --python ".cache/venv/$1/bin/python" --constraints "scripts/constraints/${1%%-*}.txt" "$2"
  echo "$2" >".cache/venv/$1/installed"
}
environment mlflow-3.17.2 "mlflow==3.17.2"
environment airflow-3.3.2 "apache-airflow==3.3.2"
