#!/bin/sh
# earmark-cli weights: what is imported is listed, found and verified; what is unsound is refused
# with exit 5 and a sentence that says what is wrong.
# usage: weights.sh EARMARK-CLI MAKE-PACKAGE
set -u
cli=$1
make=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export XDG_DATA_HOME="$dir/data"
failed=0

# EXIT-CODE PATTERN COMMAND...: stdout and stderr together hold PATTERN
expect() {
  code=$1 pattern=$2
  shift 2
  output=$("$@" 2>&1)
  status=$?
  if [ $status -ne "$code" ] || ! printf '%s\n' "$output" | grep -q -- "$pattern"; then
    echo "FAIL: $*"
    echo "  exit $status, expected $code; output, expected to hold \"$pattern\":"
    printf '%s\n' "$output" | sed 's/^/  | /'
    failed=1
  fi
}

expect 0 'weights import' "$cli" weights --help
expect 2 'weights import' "$cli" weights
expect 2 'weights verify' "$cli" weights frobnicate
expect 2 'usage' "$cli" weights import
expect 0 'model package' "$cli" weights import --help
expect 0 '"models": \[\]' "$cli" weights list --json
expect 0 '' "$cli" weights verify

"$make" "$dir/good.safetensors" || exit 1
expect 0 'tiny test model' "$cli" weights import "$dir/good.safetensors"
expect 0 'tiny test model (sees 2.1 of its own size)' "$cli" weights list
expect 0 '"hears": 0' "$cli" weights list --json
expect 0 'ok .*  tiny test model (sees 2.1 of its own size)' "$cli" weights verify
# The same tensors have one digest, however often they come; another type is another package.
expect 0 '"unused": \[\]' "$cli" weights import "$dir/good.safetensors" --json
[ "$("$cli" weights list | wc -l)" = 1 ] || { echo 'FAIL: imported twice, listed twice'; failed=1; }
expect 0 'tiny' "$cli" weights import "$dir/good.safetensors" --dtype f16
expect 0 'tiny' "$cli" weights import "$dir/good.safetensors" --dtype bf16
[ "$("$cli" weights list | wc -l)" = 3 ] || { echo 'FAIL: three types, not three packages'; failed=1; }
expect 2 'f32, f16 or bf16' "$cli" weights import "$dir/good.safetensors" --dtype f8
expect 0 'tiny' "$cli" weights import "$dir/good.safetensors" -o "$dir/copy.safetensors"
expect 0 'tiny' "$cli" weights import "$dir/copy.safetensors"
[ "$("$cli" weights list | wc -l)" = 3 ] || { echo 'FAIL: a copy has another digest'; failed=1; }
expect 4 'No such file' "$cli" weights import "$dir/none.safetensors"
expect 4 'cannot be written' "$cli" weights import "$dir/good.safetensors" -o "$dir/no/such/folder/x"

refuse() { # KIND PATTERN
  "$make" "$dir/$1.safetensors" "$1" || { echo "FAIL: cannot make $1"; failed=1; }
  expect 5 "$2" "$cli" weights import "$dir/$1.safetensors"
}
refuse wordless '1 of text: text.tokenizer: vocab.json does not give <pad> the number 1'
refuse missing 'are missing, 1 of sam2: sam2.no_mem_embed'
refuse shape 'neck.convs.0.conv.weight is \[16, 16, 1, 1\], expected \[8, 32, 1, 1\]'
refuse config 'do not fit the configuration'
refuse noconfig 'no model package'
refuse length 'header claims'
refuse offset 'cut off\|overlaps\|unclaimed\|bytes'
refuse negative 'JSON'
refuse dtype 'Q32'
refuse cut 'cut off'
: >"$dir/empty.safetensors"
expect 5 'empty' "$cli" weights import "$dir/empty.safetensors"
printf 'PK\003\004 and so on' >"$dir/official.safetensors"
expect 5 'zip archive' "$cli" weights import "$dir/official.safetensors"
echo x >"$dir/official.pt"
expect 5 'no safetensors file' "$cli" weights import "$dir/official.pt"
"$make" "$dir/large.safetensors" large
expect 5 'too large for f16' "$cli" weights import "$dir/large.safetensors" --dtype f16
expect 0 'tiny' "$cli" weights import "$dir/large.safetensors" --dtype bf16
[ "$("$cli" weights list | wc -l)" = 4 ] || { echo 'FAIL: a refused file was kept'; failed=1; }
[ -z "$(find "$dir" -name '*.safetensors.[0-9]*')" ] || { echo 'FAIL: halves are left'; failed=1; }

# One bit of one stored weight.
stored=$("$cli" weights list --json | sed -n 's/.*"path": "\(.*\)".*/\1/p' | head -1)
"$make" "$dir/changed.safetensors" changed
cp "$dir/changed.safetensors" "$stored"
expect 8 'the file was changed' "$cli" weights verify
expect 8 '"ok": false' "$cli" weights verify --json
exit $failed
