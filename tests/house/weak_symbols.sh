#!/bin/sh
# weak_symbols.sh NM OBJECT...
#
# Fails if an object file defines a symbol that the linker may share between object files (weak, or
# unique to the program). A kernel is compiled once per instruction set: a shared inline function could
# bring AVX-512 code to a machine without it. Everything in a kernel that isn't the kernel itself has
# to be in an anonymous namespace or static.
set -u
nm=$1
shift
[ $# -gt 0 ] || { echo "weak_symbols.sh: no object files were given" >&2; exit 2; }
status=0
defined=0
for object in "$@"; do
  symbols=$("$nm" --demangle --defined-only "$object") || { echo "$object: nm failed" >&2; exit 2; }
  defined=$((defined + $(printf '%s\n' "$symbols" | grep -c ' T ')))
  shared=$(printf '%s\n' "$symbols" | grep -E '^[0-9a-fA-F]* [WVuvw] ') || continue
  printf '%s\n' "$shared" | while IFS= read -r symbol; do
    echo "weak symbol in $object: $symbol"
  done
  status=1
done
# No function at all would mean that the wrong files were looked at.
[ "$defined" -gt 0 ] || { echo "weak_symbols.sh: the object files define no function" >&2; exit 2; }
[ $status -eq 0 ] && echo "$# object files, $defined functions, no weak symbol"
exit $status
