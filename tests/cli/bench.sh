#!/bin/sh
# earmark-cli bench: every stage is there with sound figures, with and without ears.
# usage: bench.sh EARMARK-CLI MAKE-PACKAGE MAKE-CLIP
set -u
cli=$1 make=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export XDG_DATA_HOME="$dir/data" XDG_CACHE_HOME="$dir/cache"
failed=0

fail() {
  echo "FAIL: $*"
  failed=1
}

"$make" "$dir/ears.safetensors" hearing && "$make" "$dir/deaf.safetensors" || exit 1
"$cli" bench --frames 4 --json --model "$dir/ears.safetensors" >"$dir/ears" || fail "exit $?"
"$cli" bench --frames 2 --json --model "$dir/deaf.safetensors" >"$dir/deaf" || fail "exit $?"
for stage in encode click hear click+sound track product; do
  grep -q "\"name\": \"$stage\"" "$dir/ears" || fail "$stage is missing"
done
for stage in hear click+sound; do
  grep -q "\"name\": \"$stage\"" "$dir/deaf" && fail "$stage of a model without ears"
done
for f in ears deaf; do
  grep -Eq '"(ms|gflop|runs|peak_mb)": (-|0(\.0*)?$|0(\.0*)?,)' "$dir/$f" && fail "$f: nothing took no time"
  # A different order of sums, no more.
  tr -d '",' <"$dir/$f" | awk '$1 == "logit_difference:" { d = $2 } $1 == "logit_rms:" { r = $2 }
    END { exit !(r > 0 && d < 1e-4 * r) }' || fail "$f: engines differ"
done
[ "$(grep -c '"runs": 15' "$dir/ears")" = 2 ] || fail "two kinds of clicks, 15 of each"
# Under AddressSanitizer what is freed must really go, or every program seems to grow.
ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=0:thread_local_quarantine_size_kb=0 \
  "$cli" bench --model "$dir/deaf.safetensors" >"$dir/text" || fail "exit $?"
grep -q 'flat while tracking' "$dir/text" || fail "memory grows: $(grep memory "$dir/text")"
# A long clip: a note every 100 frames, corrections on the way, no more memory at its end.
ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=0:thread_local_quarantine_size_kb=0 \
  "$cli" bench --long 620 --json --model "$dir/deaf.safetensors" >"$dir/long" || fail "exit $?"
[ "$(grep -c resident_mb "$dir/long")" = 7 ] || fail "not a note every 100 frames and at the end"
grep -q '"corrections": 2' "$dir/long" || fail "not two corrections"
grep -q '"flat": true' "$dir/long" || fail "memory grows with the clip: $(cat "$dir/long")"
"$cli" bench --long 1 >/dev/null 2>&1
[ $? = 2 ] || fail "one frame is no long clip"
"$cli" bench --frames 1 >/dev/null 2>&1
[ $? = 2 ] || fail "one frame cannot be tracked"
if grep -q avx512_bf16 /proc/cpuinfo; then
  "$cli" bench --frames 2 --json --precision bf16 --model "$dir/ears.safetensors" >"$dir/half" || fail "exit $?"
  grep -q '"device": ".*bf16' "$dir/half" || fail "bench does not say bf16"
fi
exit $failed
