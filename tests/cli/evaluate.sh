#!/bin/sh
# earmark-cli evaluate: what is measured on a labelled clip, how it is told, what is refused.
# usage: evaluate.sh EARMARK-CLI MAKE-PACKAGE MAKE-CLIP
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

# EXIT-CODE PATTERN ARGUMENTS...: of evaluate; stdout and stderr together hold PATTERN
expect() {
  code=$1 pattern=$2
  shift 2
  output=$("$cli" evaluate --progress none "$@" 2>&1)
  status=$?
  if [ $status -ne "$code" ] || ! printf '%s\n' "$output" | grep -q -- "$pattern"; then
    fail "evaluate $*: exit $status, expected $code; output, expected to hold \"$pattern\":"
    printf '%s\n' "$output" | sed 's/^/  | /'
  fi
}

"$make" "$dir/ears.safetensors" hearing || exit 1
model="--model $dir/ears.safetensors"

# The truth is what the model makes of two boxes.
mkdir -p "$dir/t/one" "$dir/t/two"
"$clip" webm "$dir/t/one/c.webm" >/dev/null || exit $?
cat >"$dir/p.json" <<'J'
{"objects": [{"id": 1, "prompts": [{"frame": 0, "box": [20, 20, 90, 90], "sound": false}]},
             {"id": 2, "prompts": [{"frame": 0, "box": [100, 30, 180, 130], "sound": false}]}]}
J
"$cli" segment "$dir/t/one/c.webm" $model --prompts "$dir/p.json" -o "$dir/s" -q >/dev/null || exit 1
mv "$dir/s/masks" "$dir/t/one/c"
{
  echo 'frame,pts_ns'
  seq 0 59 | awk '{ print $1 "," $1 * 33333333 }'
} >"$dir/t/one/c/frames.csv"
printf 'object,name,class,color\n1,a,drum,#ff0000\n2,b,bell,#00ff00\n' >"$dir/t/one/c/objects.csv"
printf 'object,start_ns,end_ns\n1,0,2000000000\n' >"$dir/t/one/c/sounding.csv"

expect 0 '| click | one | 1 | 2 |' --truth "$dir/t" $model
for row in 'sound' 'sound, not gated' 'sound, AVSBench' 'click' 'sound + click' 'sound + click, ensemble' 'box' \
  'sound + box' 'sound + click, silent object'; do
  printf '%s\n' "$output" | grep -q "^| $row | one |" || fail "no row for $row"
done
printf '%s\n' "$output" | grep -q '^- \*\*click\*\*: ' || fail "no definition of click"
printf '%s\n' "$output" | grep -q 'tracked' && fail "tracked without being asked"
before=$output
expect 0 'sound' --truth "$dir/t" $model
[ "$before" = "$output" ] || fail "two runs, two tables"

expect 0 '| click, tracked | one | 1 | ' --truth "$dir/t" $model --predict click --track
printf '%s\n' "$output" | grep -q '^| sound' && fail "--predict click measures sound"
expect 0 '| box | drum | 1 | 2 |' --truth "$dir/t" $model --predict box --per class,clip
printf '%s\n' "$output" | grep -q '^| box | one/c | 1 | 2 |' || fail "--per class,clip has no clips"
expect 0 '| sound, tracked | one | 1 | 60 |' --truth "$dir/t" $model --predict sound --track
expect 0 '"schema": "earmark-evaluate"' --truth "$dir/t" $model --predict box --json
expect 0 'ensemble' --truth "$dir/t" $model --predict sound+click --mix ensemble
expect 0 '| sound + box |' --truth "$dir/t" $model --predict sound+box --mix joint
printf '%s\n' "$output" | grep -q 'ensemble |' && fail "--mix joint measures the ensemble"

expect 8 'below --min 1' --truth "$dir/t" $model --predict click --min 1
expect 0 'click' --truth "$dir/t" $model --predict click --min 0

# A clip without its medium is told and skipped.
cp -r "$dir/t/one/c" "$dir/t/two/lost"
expect 3 'two/lost: no clip of that name' --truth "$dir/t" $model --predict click
cp "$dir/t/one/c.webm" "$dir/t/two/lost.webm"
expect 0 '| click | all | 2 | 4 |' --truth "$dir/t" $model --predict click
sed -i '$d' "$dir/t/two/lost/frames.csv"
rm "$dir/t/two/lost/"*/00059.png
expect 3 'the truth has 59 frames of 192 x 144, the clip 60' --truth "$dir/t" $model --predict click
expect 4 'none of the 1 clips' --truth "$dir/t/two" $model --predict click
expect 4 'no labelled clip' --truth "$dir/s" $model
expect 2 '--truth DIR' $model
expect 2 '--predict is guess' --truth "$dir/t" $model --predict guess
expect 2 '--mix is both' --truth "$dir/t" $model --mix both
expect 2 '--per is day' --truth "$dir/t" $model --per day
expect 2 '--min is 2' --truth "$dir/t" $model --min 2
expect 2 '--format is voc' --truth "$dir/t" $model --format voc
exit $failed
