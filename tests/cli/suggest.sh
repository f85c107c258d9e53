#!/bin/sh
# earmark-cli suggest and propagate: what is heard is kept, accepted and tracked; nothing is done
# twice, nothing protected is changed, an interrupt keeps what is finished.
# usage: suggest.sh EARMARK-CLI MAKE-PACKAGE MAKE-CLIP
cli=$1 make=$2 make_clip=$3
. "$(dirname "$0")/expect.sh"

mkdir "$dir/clips"
draw webm "$dir/clips/bars.webm"
draw vfr "$dir/clips/vfr.mp4"
draw mute "$dir/clips/mute.mp4"
echo text >"$dir/clips/text.mp4"
"$make" "$dir/ear.safetensors" finding && "$make" "$dir/deaf.safetensors" || exit 1
p=$dir/p.earmark
m="--model $dir/ear.safetensors -q"
"$cli" init "$dir/clips" -o "$p" >/dev/null || exit 1

count() { # NAME-OF-A-STATE
  "$cli" info "$p" --json | python3 -c "import json, sys; print(json.load(sys.stdin)['masks']['$1'])"
}

# suggest
expect 0 'default: 0.5' "$cli" suggest --help
expect 2 'grid is half' "$cli" suggest "$p" $m --grid half
expect 2 'threshold is 1' "$cli" suggest "$p" $m --threshold 1
expect 2 'no clip nobody' "$cli" suggest "$p" $m --clips nobody
expect 5 'cannot hear' "$cli" suggest "$p" -q --model "$dir/deaf.safetensors"
expect 4 'text.mp4' "$cli" suggest "$p" -q --model "$dir/clips/text.mp4.none"
expect 0 '^bars$' "$cli" suggest "$p" $m --dry-run
expect 3 '3 clips, 6 suggestions, .* 0 accepted, 0 clips unchanged, 1 failed' "$cli" suggest "$p" $m
[ "$(count keyframe)" = 0 ] || fail 'suggestions became masks by themselves'
expect 3 '0 clips, 0 suggestions, .* 3 clips unchanged' "$cli" suggest "$p" $m
expect 0 '1 clips, 2 suggestions' "$cli" suggest "$p" $m --force --clips bars
expect 0 '1 clips unchanged' "$cli" suggest "$p" $m --clips mute # silence is remembered too
# pictures of another size are another question
expect 2 'multiple of 32 from 128' "$cli" suggest "$p" $m --clips bars --size 90
expect 0 '1 clips, 2 suggestions' "$cli" suggest "$p" $m --clips bars --size 128
expect 0 '1 clips unchanged' "$cli" suggest "$p" $m --clips bars --size 128
expect 0 '1 clips unchanged' "$cli" suggest "$p" $m --clips bars
expect 0 '0 suggestions, .* 1 clips unchanged' "$cli" suggest "$p" $m --clips bars --grid 2s
expect 0 '"accepted": 2' "$cli" suggest "$p" $m --clips bars --accept --json
expect 0 '"accepted": 0' "$cli" suggest "$p" $m --clips bars --accept --json
"$cli" suggest "$p" $m --clips vfr --accept --jsonl --force >"$dir/lines" || fail 'suggest --jsonl'
python3 -c 'import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert lines[0]["window"] == 0 and lines[-1]["accepted"] >= 1, lines' "$dir/lines" \
  || fail 'suggest --jsonl is not what it should be'
[ "$(count keyframe)" -ge 3 ] || fail 'accepted masks are missing'
expect 0 '0 faults' "$cli" verify "$p"

# propagate
keyframes=$(count keyframe)
expect 0 'RANGE\|A:B' "$cli" propagate --help
expect 2 'range is 5' "$cli" propagate "$p" $m --range 5
expect 2 'from is here' "$cli" propagate "$p" $m --from here
expect 2 'objects is x' "$cli" propagate "$p" $m --objects x
expect 2 'multiple of 32 from 128' "$cli" propagate "$p" $m --size 90
expect 0 'bars: ' "$cli" propagate "$p" $m --dry-run
expect 0 '1 clips, 5 masks on 5 frames' "$cli" propagate "$p" $m --clips bars --range 20:24
expect 0 '1 clips with nothing to do' "$cli" propagate "$p" $m --clips bars --range 20:24
expect 0 '0 masks' "$cli" propagate "$p" $m --clips bars --objects 2
expect 0 '0 failed' "$cli" propagate "$p" $m --from accepted
expect 0 '0 clips, 0 masks on 0 frames, 4 clips with nothing to do' "$cli" propagate "$p" $m
[ "$(count keyframe)" = "$keyframes" ] || fail 'tracking changed keyframes'
[ "$(count propagated)" -ge 90 ] || fail 'frames were left out'
expect 0 '0 faults' "$cli" verify "$p"

# An interrupt lets the frame end, saves it and says 130; the next run goes on there.
"$cli" propagate "$p" $m --force --jsonl >"$dir/lines" 2>&1 &
job=$!
for i in $(seq 1000); do
  [ "$(wc -l <"$dir/lines")" -lt 2 ] || break
  sleep 0.01
done
kill -INT $job
wait $job
status=$?
[ $status = 130 ] || fail "an interrupted job left with $status"
expect 0 '0 faults' "$cli" verify "$p"
expect 0 '0 failed' "$cli" propagate "$p" $m

# Other weights: all that was tracked is tracked anew, nothing that was decided changes.
masks() { # COMPARISON-OF-STATES: digest of the masks that count, and who made them
  python3 - "$p" "$1" <<'END'
import hashlib, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(
    "SELECT c.clip, c.object, c.frame, c.state, m.runs, m.weights FROM cell_now c JOIN mask m"
    " ON m.clip = c.clip AND m.object = c.object AND m.frame = c.frame AND m.made = c.made"
    f" WHERE c.state {sys.argv[2]} ORDER BY 1, 2, 3").fetchall()
print(len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())
END
}
decided=$(masks '>= 3') tracked=$(masks '= 1')
expect 0 '0 failed' "$cli" propagate "$p" -q --model "$dir/deaf.safetensors"
[ "$(masks '>= 3')" = "$decided" ] || fail 'other weights changed what was decided'
[ "$(masks '= 1')" != "$tracked" ] || fail 'other weights tracked nothing anew'
expect 0 '0 masks' "$cli" propagate "$p" -q --model "$dir/deaf.safetensors"

# media that are gone or another: told, skipped
mv "$dir/clips/vfr.mp4" "$dir/vfr.hidden"
expect 3 'vfr: .*index --search' "$cli" propagate "$p" $m --force --clips vfr
cp "$dir/clips/bars.webm" "$dir/clips/vfr.mp4"
expect 3 'not the file that was annotated' "$cli" propagate "$p" $m --force --clips vfr
expect 3 'not the file that was annotated' "$cli" suggest "$p" $m --force --clips vfr
exit $failed
