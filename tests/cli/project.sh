#!/bin/sh
# earmark-cli init, index, info and verify: projects are made, read and checked; what is unusable is
# refused in one line with the exit code that says why.
# usage: project.sh EARMARK-CLI MAKE-PACKAGE MAKE-CLIP
cli=$(realpath "$1") make_clip=$3
. "$(dirname "$0")/expect.sh"

mkdir -p "$dir/clips/inner"
draw webm "$dir/clips/bars.webm"
draw mute "$dir/clips/inner/mute.mp4"
head -c 3000 "$dir/clips/inner/mute.mp4" >"$dir/clips/cut.mp4"
echo 'not a video' >"$dir/clips/text.mp4"
: >"$dir/clips/zero.mp4"
p=$dir/p.earmark

# init
expect 0 'avsbench-s4' "$cli" init --help
expect 2 'needs -o' "$cli" init "$dir/clips"
expect 2 'usage' "$cli" init
expect 2 'preset is voc' "$cli" init "$dir/clips" -o "$p" --preset voc
[ ! -e "$p" ] || fail 'a refused init left a file'
expect 4 'is not there' "$cli" init "$dir/nowhere" -o "$p"
mkdir "$dir/empty"
expect 4 'Looked for mp4' "$cli" init "$dir/empty" -o "$p"
expect 4 'No such file' "$cli" init "$dir/clips" -o "$dir/no/such/folder/p.earmark"
expect 4 '/dev/null' "$cli" init "$dir/clips" -o /dev/null/p.earmark
expect 0 '5 clips' "$cli" init "$dir/clips" -o "$p" --preset avsbench-v2 --annotator Anna
expect 4 'already' "$cli" init "$dir/clips" -o "$p"
printf 'clips/bars.webm\n\nclips/inner/mute.mp4\n' >"$dir/list.txt"
expect 0 '2 clips' "$cli" init "$dir/list.txt" -o "$dir/list.earmark"
expect 0 'bars' "$cli" info "$dir/list.earmark" --json
(cd "$dir" && expect 0 '"clips": 1' sh -c "echo clips/bars.webm | '$cli' init - -o in.earmark --json"
  [ $failed = 0 ]) || failed=1
expect 4 'names no clip' sh -c "'$cli' init - -o '$dir/none.earmark' </dev/null"

# index: what cannot be read is told with its reason and never stops the rest
expect 3 '2 indexed, 0 unchanged, 3 failed' "$cli" index "$p" -q
expect 3 '0 indexed, 2 unchanged, 3 failed' "$cli" index "$p" -q
expect 3 'zero: .*empty' "$cli" index "$p" -q
expect 0 '2 indexed' "$cli" index "$p" -q --clips bars,mute --check
expect 0 '1 indexed' "$cli" index "$p" -q --clips bars,mute --force --limit 1
expect 2 'no clip nobody' "$cli" index "$p" --clips bars,nobody
expect 3 '"error": ' "$cli" index "$p" -q --json
"$cli" index "$p" --json --progress none 2>"$dir/err" | python3 -c 'import json, sys
d = json.load(sys.stdin)
assert d["schema"] == "earmark-index" and d["version"] == 1 and len(d["failed"]) == 3, d' \
  || fail 'index --json is not the document it should be'
[ "$(wc -l <"$dir/err")" = 3 ] || fail "three bad clips, not three lines: $(cat "$dir/err")"

# info
expect 0 'preset avsbench-v2, grid phase 0.9375 s' "$cli" info "$p"
expect 0 '3 problem' "$cli" info "$p"
expect 0 'zero: .*empty' "$cli" info "$p"
"$cli" info "$p" --json | python3 -c 'import json, sys
d = json.load(sys.stdin)
c = {k["name"]: k for k in d["clips"]}
assert len(c) == 5 and c["bars"]["frames"] == 60 and c["bars"]["sound"] and not c["mute"]["sound"], c
assert c["bars"]["path"] == "clips/bars.webm" and c["text"]["state"] == "problem", c' \
  || fail 'info --json is not the document it should be'
expect 0 '0 objects, 0 expressions' "$cli" info "$p"
cp "$p" "$dir/said.earmark"
python3 - "$dir/said.earmark" <<'EOF'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
clip, step = db.execute("SELECT id, next_step FROM clip WHERE name = 'bars'").fetchone()
author = db.execute("SELECT author FROM project").fetchone()[0]
db.execute("INSERT INTO step (clip, n, uid, kind, author, at, open)"
           " VALUES (?, ?, 1, 'expression', ?, 0, 0)", (clip, step, author))
db.execute("INSERT INTO expression VALUES (?, 1, ?, 'the blue bar', 'en', NULL, '', ?, 0, 0)",
           (clip, step, author))
db.execute("UPDATE clip SET head = next_step, next_step = next_step + 1, next_expression = 2"
           " WHERE id = ?", (clip,))
db.commit()
EOF
expect 0 '0 objects, 1 expressions' "$cli" info "$dir/said.earmark"
expect 0 '"expressions": 1' "$cli" info "$dir/said.earmark" --json
expect 0 '"expressions": 1' "$cli" verify "$dir/said.earmark" --json

# verify, and media that moved or changed
expect 0 '0 faults' "$cli" verify "$p"
mkdir "$dir/elsewhere"
mv "$dir/clips/bars.webm" "$dir/elsewhere/renamed.webm"
expect 0 '1 media checked, 1 not there: 0 faults' "$cli" verify "$p"
expect 0 '2 unchanged' "$cli" index "$p" -q --clips bars,mute # found beside the project
expect 0 'elsewhere/renamed.webm' "$cli" info "$p" --json
outside=$(mktemp -d)
mv "$dir/elsewhere/renamed.webm" "$outside/x.webm"
expect 3 'nor its content' "$cli" index "$p" -q --clips bars
expect 0 '1 unchanged' "$cli" index "$p" -q --clips bars --search "$outside"
rm -rf "$outside"
cp "$dir/clips/inner/mute.mp4" "$dir/elsewhere/copy.mp4"
draw mp4 "$dir/clips/inner/mute.mp4" # another clip of the same name
expect 8 'mute: .*another content' "$cli" verify "$p"
expect 3 'not the file that was annotated' "$cli" index "$p" -q --clips mute
expect 0 '1 unchanged' "$cli" index "$p" -q --clips mute --search "$dir/elsewhere"
expect 0 '0 faults' "$cli" verify "$p"

# what is no project
expect 4 'No such file' "$cli" info "$dir/none.earmark"
expect 4 'not an Earmark project' "$cli" info "$dir/list.txt"
: >"$dir/zero.earmark"
expect 4 'empty' "$cli" verify "$dir/zero.earmark"
head -c 5000 "$p" >"$dir/cut.earmark"
expect 4 'damaged' "$cli" info "$dir/cut.earmark"
cp "$p" "$dir/future.earmark"
printf '\000\000\000\007' | dd of="$dir/future.earmark" bs=1 seek=60 conv=notrunc 2>/dev/null
for command in info verify index; do
  expect 4 'made by a newer Earmark, schema 7, this one reads 2' "$cli" $command "$dir/future.earmark"
done

# a project somebody writes: others read it, or leave with 7. The writer waits for its list of clips.
mkfifo "$dir/names"
"$cli" index "$p" -q --clips "@$dir/names" >"$dir/held" 2>&1 &
holder=$!
for i in $(seq 200); do
  "$cli" info "$p" --json | grep -q '"writer": null' || break
  sleep 0.05
done
expect 7 'Anna is writing it with earmark-cli' "$cli" index "$p" -q --clips mute
expect 0 '5 clips' "$cli" info "$p"
expect 0 '0 faults' "$cli" verify "$p"
echo mute >"$dir/names"
wait $holder || fail "the writer: $(cat "$dir/held")"
expect 0 '1 unchanged' "$cli" index "$p" -q --clips mute
exit $failed
