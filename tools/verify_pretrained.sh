#!/usr/bin/env bash
# Compares retort with transformers on any BERT or DistilBERT model directory; see verify_pretrained.py.
#
#   tools/verify_pretrained.sh DIR [RETORT_BINARY] [options of verify_pretrained.py]
#
# $PYTHON: a Python that has the packages of tests/golden/requirements.txt. Without it a virtual
# environment with these versions is made in build/verify-python (once; several GB).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
  echo "verify_pretrained.sh: $*" >&2
  exit 2
}

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
  die "usage: tools/verify_pretrained.sh DIR [RETORT_BINARY] [--data DIR] [--rows N] [--no-train]"
fi
model=$1
shift
retort=$root/build/retort
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  retort=$1
  shift
fi
[ -f "$model/config.json" ] || die "$model: expected a model directory, found no config.json"
[ -x "$retort" ] || die "$retort: isn't there; build it first (cmake --build build) or name the binary"

python=${PYTHON:-}
if [ -z "$python" ]; then
  requirements=$root/tests/golden/requirements.txt
  environment=$root/build/verify-python
  python=$environment/bin/python
  if ! cmp -s "$requirements" "$environment/requirements.txt"; then
    command -v python3 > /dev/null || die "needs python3; run: apt install python3-venv"
    echo "making $environment" >&2
    rm -rf -- "$environment"
    python3 -m venv "$environment" || die "can't make a virtual environment; run: apt install python3-venv"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$requirements" ||
      die "pip couldn't install $requirements"
    cp "$requirements" "$environment/requirements.txt"
  fi
fi
exec "$python" "$root/tools/verify_pretrained.py" "$model" --retort "$retort" "$@"
