#!/usr/bin/env bash
# What is too slow for every change: clang, sanitizers, fuzzing, a machine without AVX and one of another
# architecture, transformers.
# usage: bash tools/check.sh [FUZZ_SECONDS]      (default 60 per target)
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh
seconds=${1:-60}
install_packages "${retort_packages[@]}" clang libomp-dev libclang-rt-14-dev qemu-user \
  g++-aarch64-linux-gnu python3-venv
step() { printf '\n== %s\n' "$*"; }

step "clang, with warnings as errors"
cmake -S . -B build/clang -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build/clang --parallel "$(nproc)"
ctest --test-dir build/clang --output-on-failure --parallel "$(nproc)"

step "address and undefined-behaviour sanitizers"
# Warnings are no errors here: beside the sanitizers g++ 12 takes parts of std::regex for uninitialised.
cmake -S . -B build/sanitize -G Ninja -DCMAKE_BUILD_TYPE=Debug -DRETORT_KERNEL_OPTIMIZATION=-O1 \
  -DRETORT_WERROR=OFF -DRETORT_TEST_TIMEOUT=3600 \
  -DCMAKE_CXX_FLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -g1 -O1" >/dev/null
cmake --build build/sanitize --parallel "$(nproc)"
ctest --test-dir build/sanitize --output-on-failure --parallel "$(nproc)"

step "fuzzing, $seconds s a target"
cmake -S . -B build/fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DRETORT_KERNEL_OPTIMIZATION=-O1 \
  -DRETORT_FUZZ=ON -DCMAKE_CXX_FLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g1 -O1" >/dev/null
for target in tests/fuzz/*.cpp; do
  name=$(basename "$target" .cpp)
  [ "$name" != main ] || continue
  cmake --build build/fuzz --parallel "$(nproc)" --target "retort_fuzz_$name"
  mkdir -p "build/fuzz/corpus/$name"
  OMP_NUM_THREADS=1 build/fuzz/tests/"retort_fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=4096 -print_final_stats=1 \
    "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
done

step "a machine without AVX (generic kernels, emulated)"
cmake -S . -B build/nehalem -G Ninja -DCMAKE_BUILD_TYPE=Release -DRETORT_ENGINE_ONLY=ON -DRETORT_TEST_TIMEOUT=3600 \
  "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-x86_64;-cpu;Nehalem" >/dev/null
cmake --build build/nehalem --parallel "$(nproc)"
ctest --test-dir build/nehalem --output-on-failure --parallel "$(nproc)"

step "another architecture: aarch64, cross-compiled and emulated"
cmake -S . -B build/aarch64 -G Ninja -DCMAKE_BUILD_TYPE=Release -DRETORT_ENGINE_ONLY=ON -DRETORT_TEST_TIMEOUT=3600 \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;/usr/aarch64-linux-gnu" >/dev/null
cmake --build build/aarch64 --parallel "$(nproc)"
ctest --test-dir build/aarch64 --output-on-failure --parallel "$(nproc)"

step "transformers: a trained model, its ids and logits"
build_retort retort_cli
bash tools/fetch_minilm.sh build/minilm
data=../shared/data
if [ -d "$data" ]; then bash tools/verify_pretrained.sh build/minilm build/retort --data "$data"
else bash tools/verify_pretrained.sh build/minilm build/retort; fi
