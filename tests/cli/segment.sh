#!/bin/sh
# earmark-cli segment: which files there are and what they say, from sound and from prompts; wrong
# requests end with one clear line and the right exit code.
# usage: segment.sh EARMARK-CLI MAKE-PACKAGE MAKE-CLIP
set -u
cli=$1 make=$2 clip=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export XDG_DATA_HOME="$dir/data" XDG_CACHE_HOME="$dir/cache"
failed=0

fail() {
  echo "FAIL: $*"
  failed=1
}

# EXIT-CODE PATTERN ARGUMENTS...: of segment; stdout and stderr together hold PATTERN
expect() {
  code=$1 pattern=$2
  shift 2
  output=$("$cli" segment --progress none "$@" 2>&1)
  status=$?
  if [ $status -ne "$code" ] || ! printf '%s\n' "$output" | grep -q -- "$pattern"; then
    fail "segment $*: exit $status, expected $code; output, expected to hold \"$pattern\":"
    printf '%s\n' "$output" | sed 's/^/  | /'
  fi
}
files() { find "$1" -type f -name '*.png' 2>/dev/null | wc -l; }

"$make" "$dir/ears.safetensors" hearing && "$make" "$dir/deaf.safetensors" || exit 1
for kind in webm mute; do
  "$clip" "$kind" "$dir/$kind" >/dev/null || exit $?
done
"$make" "$dir/reads.safetensors" reading && "$make" "$dir/wordless.safetensors" wordless || exit 1
reads="--model $dir/reads.safetensors" wordless="--model $dir/wordless.safetensors"
ears="--model $dir/ears.safetensors" deaf="--model $dir/deaf.safetensors"

# By sound: grid frames by default, one object, at display size, 0 and 255 only.
expect 0 'masks' "$dir/webm" $ears -o "$dir/a" --overlay
[ "$(files "$dir/a/masks/001")" = 2 ] || fail "two seconds, not two masks"
[ "$(files "$dir/a/overlay")" = 2 ] || fail "two seconds, not two overlays"
for f in "$dir"/a/masks/001/*.png; do # width 192, height 144, 8 bits, gray
  [ "$(od -An -tx1 -j16 -N10 "$f" | tr -d ' ')" = 000000c0000000900800 ] || fail "$f: wrong kind"
done
for key in '"schema": "earmark-segment"' '"pts_ns"' '"iou"' '"score"' '"sounding"' '"area"' \
  '"fingerprint"' '"digest"' '"timing_s"'; do
  grep -q "$key" "$dir/a/result.json" || fail "result.json has no $key"
done
grep -q "$dir" "$dir/a/result.json" && fail "result.json tells where the clip is"

# The same question has the same answer; other frames replace those of before.
expect 0 'masks' "$dir/webm" $ears -o "$dir/b"
cmp -s "$dir/a/masks/001/00015.png" "$dir/b/masks/001/00015.png" || fail "two runs, two masks"
expect 0 '3 masks' "$dir/webm" $ears -o "$dir/b" --frames 20:22
[ "$(files "$dir/b")" = 3 ] || fail "masks of an earlier run stay"
expect 0 '60 masks' "$dir/webm" $ears -o "$dir/c" --frames all
cmp -s "$dir/a/masks/001/00015.png" "$dir/c/masks/001/00015.png" || fail "tracking changed a key frame"

# Nothing sounds: every mask is there and empty.
expect 0 '2 masks, 0 of them not empty' "$dir/mute" $ears -o "$dir/m"
[ "$(files "$dir/m/masks/001")" = 2 ] || fail "empty masks are not written"
grep -q '"area": [1-9]' "$dir/m/result.json" && fail "a mask of silence is not empty"

# Sound under the first half only: from then on all frames are empty, not only the grid's.
"$clip" short-sound "$dir/short" >/dev/null || exit $?
expect 0 '60 masks, 30 of them not empty' "$dir/short" $ears -o "$dir/h" --frames all

# By prompts: two objects, on their frames and tracked both ways.
cat >"$dir/p.json" <<'J'
{"objects": [{"id": 1, "prompts": [{"frame": 12, "points": [[40, 40, 1], [150, 100, 0]]}]},
             {"id": 12, "prompts": [{"frame": 5, "box": [10, 10, 90, 90], "sound": false},
                                    {"frame": 9, "points": [[20, 20, 1]]}]}]}
J
expect 0 '12 masks' "$dir/webm" $ears -o "$dir/p" --prompts "$dir/p.json" --frames 4:9
[ "$(files "$dir/p/masks/012")" = 6 ] && [ "$(files "$dir/p/masks/001")" = 6 ] \
  || fail "not six masks of either object"
[ "$(grep -c '"state": "keyframe"' "$dir/p/result.json")" = 2 ] || fail "not two key frames"
expect 0 '"schema": "earmark-segment"' "$dir/webm" $deaf -o "$dir/q" --prompts "$dir/p.json" \
  --sound off --frames 5:6 --json
grep -q '"sounding": null' "$dir/q/result.json" || fail "nobody listened, yet somebody knows"

# Sound off is stock SAM 2: ears make no difference to it.
"$cli" segment "$dir/webm" $ears -o "$dir/r" --prompts "$dir/p.json" --sound off --frames 5:6 -q \
  >/dev/null || fail "sound off"
grep -q '"sounding": true' "$dir/r/result.json" && fail "sound is off and heard"

# By text: object 1 is what it refers to, silent or not; nothing but the words makes the difference.
expect 0 '2 masks' "$dir/webm" $reads -o "$dir/t0"
expect 0 '2 masks, 2 of them not empty' "$dir/webm" $reads -o "$dir/t1" --text 'the dog'
expect 0 '2 masks' "$dir/webm" $reads -o "$dir/t2" --text 'zebras & 3 others'
expect 0 '2 masks' "$dir/webm" $reads -o "$dir/t3" --text 'the dog'
said() { grep -E '"(iou|score|area)"' "$dir/$1/result.json"; }
[ "$(said t1)" = "$(said t3)" ] || fail "one text, two answers"
[ "$(said t1)" = "$(said t2)" ] && fail "two texts, one answer"
[ "$(said t1)" = "$(said t0)" ] && fail "the text does nothing"
for n in 15 45; do
  cmp -s "$dir/t1/masks/001/000$n.png" "$dir/t3/masks/001/000$n.png" || fail "one text, two masks"
done
grep -q '"text": "the dog"' "$dir/t1/result.json" || fail "result.json has not the text"
grep -q '"text": null' "$dir/t0/result.json" || fail "result.json has a text that nobody gave"
grep -q '"sounding": null' "$dir/t1/result.json" || fail "what a text means is said to sound"
expect 0 '60 masks, 60 of them not empty' "$dir/short" $reads -o "$dir/t4" --frames all \
  --text 'the dog' # half of it is silent
LC_ALL=C "$cli" segment "$dir/webm" $reads -o "$dir/t5" --text 'le café à droite' -q >/dev/null \
  || fail "a text beyond ASCII in a plain locale"
grep -q 'caf\(é\|\\u00e9\|\\u00E9\)' "$dir/t5/result.json" || fail "the text is changed"
expect 2 'cannot read: text needs Ref-AVS weights' "$dir/webm" $ears -o "$dir/x" --text 'the dog'
expect 2 'cannot read: text needs Ref-AVS weights' "$dir/webm" $deaf -o "$dir/x" --text 'the dog'
expect 2 'expression is empty' "$dir/webm" $reads -o "$dir/x" --text ''
expect 2 'not UTF-8: byte 5 is 0xff' "$dir/webm" $reads -o "$dir/x" --text "$(printf 'dog \377')"
expect 2 '--text and --prompts' "$dir/webm" $reads -o "$dir/x" --text 'the dog' --prompts "$dir/p.json"
expect 2 'needs --sound on' "$dir/webm" $reads -o "$dir/x" --text 'the dog' --sound off
expect 4 'has no sound: --text' "$dir/mute" $reads -o "$dir/x" --text 'the dog'
expect 5 'vocab.json does not give <pad>' "$dir/webm" $wordless -o "$dir/x"

# Any size that the grids allow; a deaf model's need not fit a fuser. The demo model as well.
for n in 128 160 192; do
  expect 0 'masks' "$dir/webm" $deaf -o "$dir/n$n" --prompts "$dir/p.json" --frames 5:6 --size $n
  grep -q "\"image_size\": $n" "$dir/n$n/result.json" || fail "result.json has another size"
done
cmp -s "$dir/n128/masks/012/00006.png" "$dir/n192/masks/012/00006.png" && fail "the size does nothing"
for n in 128 320; do
  expect 0 'masks' "$dir/webm" -o "$dir/demo$n" --size $n
done
expect 2 "image size of 160 does not fit .* multiple of 64" "$dir/webm" -o "$dir/x" --size 160
expect 2 'multiple of 32 from 128 to 2048' "$dir/webm" $deaf -o "$dir/x" --size 100 --prompts "$dir/p.json"

# Where the processor can, bf16; elsewhere one line says why not.
if grep -q avx512_bf16 /proc/cpuinfo; then
  expect 0 'masks' "$dir/webm" -o "$dir/half" --precision bf16
  grep -q '"device": ".*bf16' "$dir/half/result.json" || fail "result.json does not say bf16"
  expect 0 'masks' "$dir/webm" -o "$dir/full" --precision f32
  grep -q '"device": ".*bf16' "$dir/full/result.json" && fail "f32 is not the other one"
else
  echo "bf16 is not tried: this processor has no avx512_bf16"
  expect 6 'this processor has no bf16 products' "$dir/webm" -o "$dir/x" --precision bf16
fi
expect 2 '--precision is f16, expected f32 or bf16' "$dir/webm" -o "$dir/x" --precision f16

expect 2 'usage: earmark-cli segment'
expect 2 '-o DIR' "$dir/webm" $ears
expect 2 '--sound is loud' "$dir/webm" $ears -o "$dir/x" --sound loud
expect 2 '--frames is some' "$dir/webm" $ears -o "$dir/x" --frames some
expect 2 '--frames is 9:3' "$dir/webm" $ears -o "$dir/x" --frames 9:3
expect 2 'the clip has 60 frames' "$dir/webm" $ears -o "$dir/x" --frames 0:60
expect 2 'give --prompts' "$dir/webm" $ears -o "$dir/x" --sound off
expect 2 'cannot hear' "$dir/webm" $deaf -o "$dir/x"
expect 2 'Unknown option --nonsense' "$dir/webm" $ears -o "$dir/x" --nonsense
expect 4 'none.mp4' "$dir/none.mp4" $ears -o "$dir/x"
expect 4 'earmark-cli' "$dir/p.json" $ears -o "$dir/x"
expect 4 'JSON' "$dir/webm" $ears -o "$dir/x" --prompts "$dir/webm"
expect 4 'none.json' "$dir/webm" $ears -o "$dir/x" --prompts "$dir/none.json"
echo '{"objects": [{"id": 1, "prompts": [{"frame": 60, "box": [1, 1, 9, 9]}]}]}' >"$dir/late.json"
expect 2 '"frame" is 60, expected 0 to 59' "$dir/webm" $ears -o "$dir/x" --prompts "$dir/late.json"
expect 4 'cannot make the folder' "$dir/webm" $ears -o "$dir/p.json/x"
[ -e "$dir/x" ] && fail "a refused request left a folder"
: >"$dir/empty.safetensors"
expect 5 'empty' "$dir/webm" --model "$dir/empty.safetensors" -o "$dir/x"
exit $failed
