#!/usr/bin/env bash
# What is too slow for every change: clang, sanitizers, fuzzing, a machine without AVX and one of another
# architecture, transformers.
# usage: bash tools/check.sh [STEP...]
#   STEP: clang sanitizers fuzzing nehalem aarch64 transformers   (default: all, in this order)
#   FUZZ_SECONDS in the environment: time for each fuzz target, as many of them at a time as there are
#   cores (default 600)
set -eu
cd "$(dirname "$0")/.."
. tools/install.sh

# configure NAME OPTION...: build/NAME with these options of cmake.
configure() {
  local name=$1; shift
  cmake -S . -B "build/$name" -G Ninja "${retort_launcher[@]}" "$@" >/dev/null
}
build_and_test() {
  cmake --build "build/$1" --parallel "$(nproc)"
  ctest --test-dir "build/$1" --output-on-failure --parallel "$(nproc)"
}
with_clang=(-DCMAKE_CXX_COMPILER=clang++)
engine_only=(-DCMAKE_BUILD_TYPE=Release -DRETORT_ENGINE_ONLY=ON)
quick=(-DRETORT_QUICK_TESTS=ON -DRETORT_TEST_TIMEOUT=3600)
# Warnings are no errors beside sanitizers: g++ 12 then takes parts of std::regex for uninitialised.
debug=(-DCMAKE_BUILD_TYPE=Debug -DRETORT_KERNEL_OPTIMIZATION=-O1 -DRETORT_WERROR=OFF)

# The second compiler, with warnings as errors.
clang() {
  install_packages clang libomp-dev
  configure clang "${with_clang[@]}" -DCMAKE_BUILD_TYPE=Release
  build_and_test clang
}

# Addresses and undefined behaviour.
sanitizers() {
  configure sanitize "${debug[@]}" "${quick[@]}" \
    -DCMAKE_CXX_FLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -g1 -O1"
  build_and_test sanitize
}

# What a run finds stays in build/fuzz/corpus and is where the next one starts.
fuzzing() {
  install_packages clang libomp-dev libclang-rt-14-dev
  configure fuzz "${with_clang[@]}" "${debug[@]}" -DRETORT_FUZZ=ON \
    -DCMAKE_CXX_FLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g1 -O1"
  local source targets=()
  for source in tests/fuzz/*.cpp; do
    [ "$source" = tests/fuzz/main.cpp ] || targets+=("$(basename "$source" .cpp)")
  done
  cmake --build build/fuzz --parallel "$(nproc)" --target "${targets[@]/#/retort_fuzz_}"
  local jobs; jobs=$(nproc)  # which heeds OMP_NUM_THREADS
  printf '%s\n' "${targets[@]}" |
    FUZZ_SECONDS=${FUZZ_SECONDS:-600} OMP_NUM_THREADS=1 xargs -P "$jobs" -I{} bash -c '
    mkdir -p build/fuzz/corpus/{}
    build/fuzz/tests/retort_fuzz_{} -max_total_time="$FUZZ_SECONDS" -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
      -artifact_prefix=build/fuzz/{}- build/fuzz/corpus/{} tests/fuzz/corpus/{} >build/fuzz/{}.log 2>&1 ||
      { tail -50 build/fuzz/{}.log; echo "{}: see build/fuzz/{}.log"; exit 255; }
    echo "{}: $(sed -n "s/stat::number_of_executed_units: *//p" build/fuzz/{}.log) runs, nothing found"'
}

# A machine without AVX, emulated: generic kernels.
nehalem() {
  install_packages qemu-user
  configure nehalem "${quick[@]}" "${engine_only[@]}" "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-x86_64;-cpu;Nehalem"
  build_and_test nehalem
}

# Another architecture, cross-compiled and emulated.
aarch64() {
  install_packages qemu-user g++-aarch64-linux-gnu
  configure aarch64 "${quick[@]}" "${engine_only[@]}" -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;/usr/aarch64-linux-gnu"
  build_and_test aarch64
}

# A trained model in both libraries: ids and logits. Every architecture's directories.
transformers() {
  install_packages python3-venv
  build_retort retort_cli
  bash tools/fetch_minilm.sh build/minilm
  local data=()
  [ ! -d ../shared/data ] || data=(--data ../shared/data)
  bash tools/verify_pretrained.sh build/minilm build/retort "${data[@]}"
  "${PYTHON:-build/verify-python/bin/python}" tools/verify_architectures.py --retort build/retort
  "${PYTHON:-build/verify-python/bin/python}" tools/verify_architectures.py --retort build/retort --students
}

install_packages "${retort_packages[@]}"
all=(clang sanitizers fuzzing nehalem aarch64 transformers)
[ $# -gt 0 ] || set -- "${all[@]}"
for step in "$@"; do
  [[ " ${all[*]} " == *" $step "* ]] || { echo "check.sh: no step \"$step\"; there are: ${all[*]}" >&2; exit 2; }
done
for step in "$@"; do
  printf '\n== %s\n' "$step"
  "$step"
  printf '== %s: passed, %s s since the start\n' "$step" "$SECONDS"
done
