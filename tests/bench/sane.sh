#!/bin/sh
# The bench measures what it says, on a small model: every stage is there and costs operations, and
# too much memory is a failure. How long anything takes is nobody's business here.
set -eu
bench=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bench" --backend cpu --model nano --size 128 --objects 2 --rounds 2 --json "$work/bench.json"
for stage in encode encode+sound hear click click-mask click+sound click-mask+sound track \
  track+encode; do
  grep -q "\"name\": *\"$stage\"" "$work/bench.json" || {
    echo "no stage $stage in the JSON"
    exit 1
  }
done
if grep -E '"gflop": *(0(\.0+)?|null)[,}]' "$work/bench.json"; then
  echo "a stage without operations"
  exit 1
fi

"$bench" --backend cpu --model demo --size 128 --objects 1 --long 30
status=0
"$bench" --backend cpu --model demo --size 128 --objects 1 --long 5 --limit 1 || status=$?
[ $status = 8 ] || {
  echo "one megabyte was enough: exit status $status, expected 8"
  exit 1
}
