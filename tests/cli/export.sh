#!/bin/sh
# earmark-cli export: folders that are whole or not there, what was asked for in them, clips that
# cannot go out told and left out.
# usage: export.sh EARMARK-CLI MAKE-PACKAGE MAKE-CLIP
cli=$1 make=$2 make_clip=$3
. "$(dirname "$0")/expect.sh"

mkdir "$dir/clips"
draw webm "$dir/clips/bars.webm"
draw vfr "$dir/clips/vfr.mp4"
"$make" "$dir/ear.safetensors" finding || exit 1
p=$dir/p.earmark
m="--model $dir/ear.safetensors -q"
"$cli" init "$dir/clips" -o "$p" >/dev/null && "$cli" suggest "$p" $m --accept >/dev/null \
  && "$cli" propagate "$p" $m --range 40:45 >/dev/null || exit 1
files() { find "$1" -type f -name "$2" 2>/dev/null | wc -l; }

expect 0 'keeps' "$cli" export --list-formats
"$cli" export --list-formats --json | python3 -c 'import json, sys
assert any(f["name"] == "coco-rle" for f in json.load(sys.stdin)["formats"])' \
  || fail 'list-formats --json'
expect 2 'needs a project' "$cli" export --format png -o "$dir/x"
expect 2 'needs --format' "$cli" export "$p"
expect 2 'no format gif' "$cli" export "$p" --format gif -o "$dir/x"
expect 2 'states has "nice"' "$cli" export "$p" --format png -o "$dir/x" --states approved,nice
expect 2 'states has "empty"' "$cli" export "$p" --format png -o "$dir/x" --states empty
expect 2 'frames is some' "$cli" export "$p" --format png -o "$dir/x" --frames some
expect 4 'not an Earmark project' "$cli" export "$make" --format png -o "$dir/x"
expect 0 'bars: 2 masks of 1 objects' "$cli" export "$p" --format png -o "$dir/x" --dry-run
[ ! -e "$dir/x" ] || fail 'a refused export left a folder'

# What is tracked goes out only when asked for.
expect 0 '2 clips' "$cli" export "$p" -q --format coco-rle -o "$dir/coco" --frames annotated
few=$(cat "$dir"/coco/*.json "$dir"/coco/*/*.json 2>/dev/null | grep -o '"counts"' | wc -l)
expect 0 '2 clips' "$cli" export "$p" -q --format coco-rle -o "$dir/coco-all" --frames annotated \
  --states all
many=$(cat "$dir"/coco-all/*.json "$dir"/coco-all/*/*.json 2>/dev/null | grep -o '"counts"' | wc -l)
[ "$few" -ge 3 ] && [ "$many" -gt "$few" ] || fail "$few masks by default, $many with --states all"
[ -f "$dir/coco/manifest.json" ] || fail 'no manifest'

# Pictures and sound beside the masks; every file is in the manifest with its digest.
expect 0 'masks' "$cli" export "$p" -q --format png -o "$dir/png" --with-frames --with-audio --json
[ "$(files "$dir/png" '*.wav')" = 2 ] || fail 'two clips, not two sounds'
python3 - "$dir/png" <<'END' || fail 'the manifest does not tell what is there'
import hashlib, json, os, sys
root = sys.argv[1]
manifest = json.load(open(os.path.join(root, "manifest.json")))
listed = {f["path"]: f["sha256"] for f in manifest["files"]}
there = {os.path.relpath(os.path.join(d, f), root) for d, _, fs in os.walk(root) for f in fs}
assert there - {"manifest.json"} == set(listed), there ^ set(listed)
for path, digest in listed.items():
    assert hashlib.sha256(open(os.path.join(root, path), "rb").read()).hexdigest() == digest, path
END

# Folders that cannot be used: exit 4, nothing left behind.
expect 4 'empty' "$cli" export "$p" -q --format png -o "$dir/png"
expect 4 '/dev/null' "$cli" export "$p" -q --format png -o /dev/null/out
if [ "$(id -u)" != 0 ]; then
  mkdir "$dir/closed" && chmod 555 "$dir/closed"
  expect 4 'closed' "$cli" export "$p" -q --format png -o "$dir/closed/out"
fi

# Clips that cannot go out are told and left out; only pictures need the media.
mv "$dir/clips/vfr.mp4" "$dir/hidden"
expect 0 '2 clips' "$cli" export "$p" -q --format png -o "$dir/masks-only"
expect 3 'vfr: .*not there' "$cli" export "$p" -q --format png -o "$dir/one" --with-frames
[ -d "$dir/one" ] && [ -z "$(find "$dir/one" -path '*vfr*' -name '*.png')" ] \
  || fail 'the clip that failed is in the folder'
cp "$dir/clips/bars.webm" "$dir/clips/vfr.mp4"
expect 3 'vfr: ' "$cli" export "$p" -q --format png -o "$dir/two" --with-frames
rm "$dir/clips/bars.webm"
expect 4 'no clip' "$cli" export "$p" -q --format png -o "$dir/none" --with-frames
[ ! -e "$dir/none" ] || fail 'an export of nothing left a folder'
echo text >"$dir/text.mp4"
printf 'clips/vfr.mp4\ntext.mp4\n' >"$dir/list"
"$cli" init "$dir/list" -o "$dir/bad.earmark" >/dev/null
"$cli" index "$dir/bad.earmark" -q >/dev/null 2>&1
expect 3 'text: ' "$cli" export "$dir/bad.earmark" -q --format png -o "$dir/bad" --frames all
ls -a "$dir" | grep -q 'part\|tmp' && fail "halves are left: $(ls -a "$dir")"
exit $failed
