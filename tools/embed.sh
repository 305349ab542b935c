#!/usr/bin/env bash
# Builds and runs examples/embed, a project of its own that uses Retort by add_subdirectory, and builds
# the engine alone (tensor/ and autograd/, without simdjson).
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh
install_packages "${retort_packages[@]}"
launcher=(); command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake -S examples/embed -B build/embed -G Ninja "${launcher[@]}" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build/embed --parallel "$(nproc)"
build/embed/embed
cmake -S . -B build/engine -G Ninja "${launcher[@]}" -DCMAKE_BUILD_TYPE=Release -DRETORT_ENGINE_ONLY=ON -DRETORT_TESTS=OFF >/dev/null
cmake --build build/engine --parallel "$(nproc)"
! ldd build/embed/embed | grep -q utf8proc
