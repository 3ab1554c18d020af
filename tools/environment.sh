#!/bin/sh
# Make the environment in folder $1: find Python ≥ 3.12, get uv if it is missing, install the lab with its tools.
set -eu
venv=$1
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }

python=""
for candidate in ${PYTHON:-} python3.12 python3.13 python3.14 python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[3-9]*/bin/python; do
    if is_new_enough "$candidate"; then
        python=$("$candidate" -c 'import sys; print(sys.executable)')
        break
    fi
done
if [ -z "$python" ]; then
    echo "No Python 3.12 or newer was found; install one, or name it: make PYTHON=/path/to/python3.12" >&2
    exit 2
fi

mkdir -p .tools
if [ ! -x .tools/uv ]; then
    if command -v uv >/dev/null 2>&1; then
        ln -sf "$(command -v uv)" .tools/uv
    else
        "$python" -m venv .tools/venv
        .tools/venv/bin/python -m pip install --quiet --disable-pip-version-check uv
        ln -sf venv/bin/uv .tools/uv
    fi
fi

[ -x "$venv/bin/python" ] || .tools/uv venv --quiet --python "$python" "$venv"
echo "Installing the lab into $venv (PyTorch for Linux is a download of some GB) …"
# Bytecode is made once here: without it every command would compile PyTorch, Transformers and PyMC anew for 20 seconds.
.tools/uv pip install --quiet --compile-bytecode --python "$venv/bin/python" --constraint constraints.txt --editable '.[dev,docs,hub]'
