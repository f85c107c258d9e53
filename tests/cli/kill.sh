#!/bin/sh
# kill -9 of suggest and propagate at moments of chance: the project opens, verify finds nothing,
# every line that was printed is in the project, and the next run goes on.
# usage: kill.sh EARMARK-CLI MAKE-PACKAGE MAKE-CLIP [ROUNDS]
cli=$1 make=$2 make_clip=$3 rounds=${4:-6}
. "$(dirname "$0")/expect.sh"

mkdir "$dir/clips"
draw webm "$dir/clips/one.webm"
cp "$dir/clips/one.webm" "$dir/clips/two.webm"
printf x >>"$dir/clips/two.webm" # of its own content
"$make" "$dir/ear.safetensors" finding || exit 1
p=$dir/p.earmark
m="--model $dir/ear.safetensors -q"
"$cli" init "$dir/clips" -o "$p" >/dev/null && "$cli" suggest "$p" $m --accept >/dev/null || exit 1

# Every printed frame has its row, every printed window its suggestions.
check() { # PROJECT LINES
  python3 - "$1" "$2" <<'END' || fail "round $round"
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
lines = [l for l in open(sys.argv[2]).read().split("\n")[:-1]]  # the last may be cut short
lost = 0
for line in map(json.loads, lines):
    clip = db.execute("SELECT id FROM clip WHERE name = ?", (line["clip"],)).fetchone()[0]
    if "frame" in line:
        n = db.execute("SELECT count(*) FROM cell WHERE clip = ? AND frame = ? AND step = ?",
                       (clip, line["frame"], line["step"])).fetchone()[0]
        lost += n < line["written"]
    elif "window" in line:
        n = db.execute("SELECT count(*) FROM suggestion WHERE clip = ?", (clip,)).fetchone()[0]
        lost += n < line["written"]
print(len(lines), "lines,", lost, "lost")
sys.exit(lost != 0)
END
}

for round in $(seq "$rounds"); do
  if [ $((round % 3)) = 0 ]; then verb="suggest --force"; else verb="propagate --force"; fi
  "$cli" ${verb% *} "$p" $m ${verb#* } --jsonl >"$dir/lines" 2>"$dir/err" &
  job=$!
  # after so many lines, and a moment more: between frames, inside one, inside a commit
  most=40
  [ "${verb%% *}" = propagate ] || most=4 # windows are few
  lines=$(awk -v s="$round$$" -v n=$most 'BEGIN { srand(s); print int(n * rand()) }')
  for i in $(seq 400); do
    [ "$(wc -l <"$dir/lines")" -lt "$lines" ] && kill -0 $job 2>/dev/null || break
    sleep 0.02
  done
  sleep "$(awk -v s="$$$round" 'BEGIN { srand(s); printf "%.3f", 0.06 * rand() }')"
  kill -9 $job 2>/dev/null
  wait $job 2>/dev/null
  expect 0 '0 faults' "$cli" verify "$p"
  check "$p" "$dir/lines"
done
expect 0 '0 failed' "$cli" suggest "$p" $m
expect 0 '0 failed' "$cli" propagate "$p" $m
expect 0 '2 clips with nothing to do' "$cli" propagate "$p" $m
expect 0 '0 faults' "$cli" verify "$p"
exit $failed
