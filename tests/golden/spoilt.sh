#!/bin/sh
# The comparison must be able to fail: a golden with one number changed, one cut short, one whose
# sizes are wrong, one whose keys belong to nobody and one that is not there each end with status 8.
# usage: spoilt.sh EM-GOLDEN GOLDEN
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
name=$(basename "$2")

expect ()
{
  "$program" --quiet "$2"
  status=$?
  [ "$status" -eq 8 ] || { echo "$1: ended with $status, expected 8"; exit 1; }
}

program=$1
"$program" --quiet "$2" || exit 1

cp "$2" "$dir/$name"
chmod u+w "$dir/$name"
printf '\101' | dd of="$dir/$name" bs=1 seek=$(($(wc -c <"$2") - 1)) conv=notrunc 2>/dev/null
expect "one number changed" "$dir/$name"

head -c 3000 "$2" >"$dir/$name"
expect "cut short" "$dir/$name"

LC_ALL=C sed 's/"T":"5"/"T":"x"/' "$2" >"$dir/$name"
expect "a size that is no number" "$dir/$name"
LC_ALL=C sed 's/"T":"5"/"T":"9"/' "$2" >"$dir/$name"
expect "more frames than there are" "$dir/$name"

cp "$2" "$dir/stranger.safetensors"
expect "a name nobody answers for" "$dir/stranger.safetensors"

expect "not there" "$dir/missing/$name"
