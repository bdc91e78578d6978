# Where everything of this example is: source it in every terminal (bash or zsh). Nothing is written outside run/.
here="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"
export RUN="$here/run"
export PATH="$here/../../node_modules/.bin:$PATH" # the right Node.js
export DRIFTD="node $here/../../src/main.ts"
driftd() { node "$here/../../src/main.ts" "$@"; }

# MLflow, as its clients and as its server want it. Webhooks go to https and public addresses only, unless it is told otherwise.
export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
export MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true
export MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY="$(cat "$RUN/mlflow.key" 2>/dev/null)"
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false

# Airflow.
export AIRFLOW_HOME="$RUN/airflow" AIRFLOW__CORE__DAGS_FOLDER="$here/dags" AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__PARALLELISM=2 AIRFLOW__API__HOST=127.0.0.1
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=admin:admin AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE="$RUN/airflow.passwords.json"

# What the DAG reads.
export RETRAIN_PYTHON="$RUN/venv/bin/python" FLIGHTS_DATA="$RUN/data"
export DRIFTD_URL=http://127.0.0.1:9465 DRIFTD_TOKEN_FILE="$RUN/driftd.token"
