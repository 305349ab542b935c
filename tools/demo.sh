#!/usr/bin/env bash
# The whole of Retort on made-up support tickets: makes data and a vocabulary, trains a teacher, distils
# a student, trains the same student on labels alone, compares the three and writes a report.
# usage: bash tools/demo.sh [--rows N] [--seed S]      (defaults: 20000 42; two to four minutes on 2 cores)
set -eu
rows=20000 seed=42 epochs=6
while [ $# -gt 0 ]; do
  case "$1" in
    --rows) rows=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    *) echo "usage: bash tools/demo.sh [--rows N] [--seed S]" >&2; exit 2 ;;
  esac
done
cd "$(dirname "$0")/.."
. tools/install.sh
install_packages "${retort_packages[@]}"
build_retort retort_cli
started=$SECONDS
retort=build/retort demo=build/demo
rm -rf "$demo"; mkdir -p "$demo"
step() { printf '\n== %s\n' "$*"; }

step "data: $rows pairs of support tickets, duplicate or not"
$retort data tickets --rows "$rows" --seed "$seed" --out "$demo/tickets.tsv"
$retort data split --input "$demo/tickets.tsv" --parts train=0.8,dev=0.1,test=0.1 --seed "$seed" --stratify label --out "$demo"
$retort data support-desk --out "$demo/desk.tsv"

step "a vocabulary, and random models: a teacher and a smaller student"
$retort train-tokenizer --vocab-size 2000 --input "$demo/train.tsv" --out "$demo/tokenizer"
for model in teacher student; do
  $retort init --config "examples/demo/$model.json" --vocab "$demo/tokenizer" --seed "$seed" --out "$demo/$model-random"
done

step "the teacher learns from labels"
$retort train --model "$demo/teacher-random" --data "$demo/train.tsv" --dev "$demo/dev.tsv" --out "$demo/teacher" --epochs "$epochs" --seed "$seed"
step "the student learns from the teacher and the labels"
$retort distill --teacher "$demo/teacher" --student "$demo/student-random" --data "$demo/train.tsv" --dev "$demo/dev.tsv" --out "$demo/student" --epochs "$epochs" --seed "$seed"
step "the same student learns from the labels alone"
$retort distill --teacher "$demo/teacher" --student "$demo/student-random" --alpha 0 --data "$demo/train.tsv" --dev "$demo/dev.tsv" --out "$demo/baseline" --epochs "$epochs" --seed "$seed"

step "ten pairs of a support desk, and the three models on the test part"
$retort compare --teacher "$demo/teacher" --student "$demo/student" --baseline "$demo/baseline" \
  --data "$demo/test.tsv" --samples "$demo/desk.tsv" --report "$demo/report.html"
echo
echo "report: $PWD/$demo/report.html   ($((SECONDS - started)) s after the build)"
