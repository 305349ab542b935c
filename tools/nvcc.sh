#!/usr/bin/env bash
# Compiles the headers that CPU and CUDA share with nvcc.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
for header in tensor/functors.h tensor/base/philox.h tensor/kernels.h; do
  printf '#include "%s"\n' "$header" > "$out/unit.cu"
  nvcc -std=c++20 -I. -c -o "$out/unit.o" "$out/unit.cu"
  echo "nvcc: $header"
done
