#!/usr/bin/env bash
# Installs what building Retort needs (Debian and relatives): nothing happens where all is there.
# Sourced by the other scripts. Uses sudo when not root.
set -eu

retort_packages=(cmake ninja-build g++ libsimdjson-dev catch2 libcli11-dev)

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || { echo "please install: ${missing[*]}" >&2; return 1; }
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "not root and no sudo; please install: ${missing[*]}" >&2; return 1; }
    sudo=sudo
  fi
  echo "installing: ${missing[*]}"
  $sudo apt-get update -qq || true
  # The second try heals a mirror that changed between update and install.
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    { sleep 3; $sudo apt-get update -qq; DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }
}

# What has been compiled before is taken from ccache where there is one.
retort_launcher=()
if command -v ccache >/dev/null; then retort_launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

# build_retort TARGET...: configures build/ (once) and builds the targets.
build_retort() {
  local root; root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  local generator=(); [ -f "$root/build/CMakeCache.txt" ] || generator=(-G Ninja)
  cmake -S "$root" -B "$root/build" "${generator[@]}" "${retort_launcher[@]}" -DCMAKE_BUILD_TYPE=Release >/dev/null
  cmake --build "$root/build" --parallel "$(nproc)" --target "$@"
}
