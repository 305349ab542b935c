#!/usr/bin/env bash
# What is too slow for every change: clang, sanitizers, fuzzing, a machine without AVX, transformers.
# usage: bash tools/check.sh [FUZZ_SECONDS]      (default 60 per target)
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh
seconds=${1:-60}
install_packages "${retort_packages[@]}" clang libomp-dev libclang-rt-14-dev qemu-user python3-venv
step() { printf '\n== %s\n' "$*"; }

step "clang, with warnings as errors"
cmake -S . -B build/clang -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build/clang --parallel "$(nproc)"
ctest --test-dir build/clang --output-on-failure

step "address and undefined-behaviour sanitizers"
cmake -S . -B build/sanitize -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_CXX_FLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -O1" >/dev/null
cmake --build build/sanitize --parallel "$(nproc)"
ctest --test-dir build/sanitize --output-on-failure --timeout 1800

step "fuzzing, $seconds s a target"
for target in tests/fuzz/*.cpp; do
  name=$(basename "$target" .cpp)
  [ "$name" != main ] || continue
  clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fopenmp -I. "$target" nn/weights/safetensors_*.cpp \
    tensor/base/*.cpp tensor/dtype.cpp -lsimdjson -o "build/fuzz_$name"
  mkdir -p "build/fuzz_corpus/$name"
  "build/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=4096 "build/fuzz_corpus/$name" "tests/fuzz/corpus/$name"
done

step "a machine without AVX (generic kernels, emulated)"
cmake -S . -B build/engine-tests -G Ninja -DCMAKE_BUILD_TYPE=Release -DRETORT_ENGINE_ONLY=ON >/dev/null
cmake --build build/engine-tests --parallel "$(nproc)"
qemu-x86_64 -cpu Nehalem build/engine-tests/tests/retort_engine_tests "[#test_cases]"

step "transformers: a trained model, its ids and logits"
build_retort retort_cli
bash tools/fetch_minilm.sh build/minilm
data=../shared/data
if [ -d "$data" ]; then bash tools/verify_pretrained.sh build/minilm build/retort --data "$data"
else bash tools/verify_pretrained.sh build/minilm build/retort; fi
