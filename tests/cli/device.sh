#!/bin/sh
# --device: what is not there is refused in one line, auto goes on with what is, and a GPU, here a
# simulated one, answers like the processor.
# usage: device.sh EARMARK-CLI MAKE-PACKAGE MAKE-CLIP
cli=$1 make_package=$2 make_clip=$3
. "$(dirname "$0")/expect.sh"

"$make_package" "$dir/ears.safetensors" hearing || exit 1
draw mp4 "$dir/clip.mp4"
segment() { # DEVICE OUT OPTIONS...
  device=$1 out=$2
  shift 2
  "$cli" segment "$dir/clip.mp4" --model "$dir/ears.safetensors" --device "$device" -o "$dir/$out" "$@"
}

expect 2 'expected auto, cpu, cuda or cuda:K' "$cli" bench --device 'cuda:two'
expect 2 'expected auto, cpu, cuda or cuda:K' "$cli" bench --device '../cuda'
expect 6 'known: auto, cpu, cuda' "$cli" bench --device gpu
for device in cuda cuda:99; do # without module, driver or GPU; nobody has a hundred of them
  [ "$device" = cuda ] && [ -e /dev/nvidia0 ] && continue
  "$cli" bench --frames 2 --model "$dir/ears.safetensors" --device "$device" >"$dir/out" 2>&1
  [ $? -eq 6 ] || fail "--device $device ends with another status than 6"
  [ "$(wc -l <"$dir/out")" -eq 1 ] || fail "--device $device says more than a line"
done
[ -e /dev/nvidia0 ] \
  || expect 0 'no GPU: ' "$cli" bench --frames 2 --model "$dir/ears.safetensors" --device auto

[ -n "${EARMARK_MODULES:-}" ] || exit $failed
segment cpu by-cpu || fail "segment on the processor"
segment cudasim by-gpu --precision f32 || fail "segment on the simulated GPU"
[ -n "$(find "$dir/by-cpu" -name '*.png')" ] || fail "no masks to compare"
(cd "$dir/by-cpu" && find . -name '*.png') | while read -r mask; do
  cmp -s "$dir/by-cpu/$mask" "$dir/by-gpu/$mask" || echo "$mask"
done >"$dir/differ"
# Rounding may move a pixel of a mask, not most masks.
[ "$(wc -l <"$dir/differ")" -le "$(($(find "$dir/by-cpu" -name '*.png' | wc -l) / 4))" ] \
  || fail "$(wc -l <"$dir/differ") masks differ"
expect 0 'simulated, bf16' "$cli" bench --frames 2 --model "$dir/ears.safetensors" --device cudasim
exit $failed
