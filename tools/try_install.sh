#!/bin/sh
# Install the lab as a user does, into an empty environment without the tools of development, and run a small demo
# in another folder. Needs `.tools/uv` (which `make` fetches) and a package registry.
set -eu
cd "$(dirname "$0")/.."
checkout=$(pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT INT TERM

.tools/uv venv --quiet --python "$(.venv/bin/python -c 'import sys; print(sys.base_exec_prefix)')" "$place/lab"
.tools/uv pip install --quiet --python "$place/lab/bin/python" --constraint constraints.txt "$checkout"
if "$place/lab/bin/python" -c "import pytest" 2>/dev/null; then
    echo "pytest came with the lab: a tool of development is among its dependencies in pyproject.toml." >&2
    exit 1
fi

cd "$place"
unset PYTHONPATH
"$place/lab/bin/python" -c "import icl; assert icl.__file__.startswith('$place'), icl.__file__"
"$place/lab/bin/probe" demo --queries 20 --out demo
test -s demo/report.html
