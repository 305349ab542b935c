#!/usr/bin/env bash
# Installs what is missing, builds into build/ and runs every test. Arguments go to ctest.
# Ends with ctest's summary.
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh
install_packages "${retort_packages[@]}"
build_retort all
ctest --test-dir build --output-on-failure "$@"
