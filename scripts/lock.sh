#!/usr/bin/env bash
# Writes constraints.txt: the newest versions of all that ALMA and its extras need, found in an empty environment.
# Run it with the oldest Python that is to work (Debian 12 has 3.11.2): a newer one finds versions that the older
# one can't install.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
PATH="$folder/venv/bin:$PATH" "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'setuptools<81' -e '.[dev,docs,oracle,textworld,minihack,gymnasium,local,mlflow]'
{
  echo "# Pinned versions of the core and of the extras dev, docs, oracle, textworld, minihack, gymnasium, local and mlflow. Written by \`make lock\`."
  # Only plain pins: editable installs, paths and addresses belong to one machine.
  # MiniHack needs setuptools, which `freeze` leaves out unless told to name all.
  "$folder/venv/bin/python" -m pip freeze --all --exclude-editable | grep -v '^\(pip\|wheel\)==' | grep -E '^[A-Za-z0-9._-]+==[A-Za-z0-9.+!-]+$'
} > constraints.txt
