#!/bin/sh
# earmark-cli weights import of other people's files: the same tensors have one digest, whatever
# file they came from.
# usage: import.sh EARMARK-CLI MAKE-PACKAGE FOREIGN-FILE.PY PYTHON
cli=$1
make=$2
script=$3
python=$4
. "${0%/*}/expect.sh"

foreign() { "$python" "$script" "$@" || fail "foreign_file.py $*"; }
import() { "$cli" weights import "$@" --json; }
digest_of() { import "$@" -o "$dir/out.safetensors" | sed -n 's/.*"digest": "\(.*\)".*/\1/p'; }
# WHAT FILE...: imported, they have the digest $want
same() {
  what=$1
  shift
  got=$(digest_of "$@")
  [ -n "$want" ] && [ "$got" = "$want" ] || {
    fail "$what: digest $got, expected $want"
    import "$@" -o "$dir/out.safetensors"
  }
}

"$make" "$dir/see21" || exit 1
foreign config "$dir/see21" "$dir/see21.json"
want=$(digest_of "$dir/see21")

foreign official "$dir/see21" "$dir/official.safetensors"
same 'official names' "$dir/official.safetensors" "$dir/see21.json"
same 'configuration first' "$dir/see21.json" "$dir/official.safetensors"
same 'a file twice' "$dir/official.safetensors" "$dir/see21"
expect 5 'width 4 and 1, 1, 1 and 1 blocks is none of the released' import "$dir/official.safetensors"

foreign hf "$dir/see21" "$dir/hf"
same 'Hugging Face, the folder' "$dir/hf"
same 'Hugging Face, the file' "$dir/hf/model.safetensors"
expect 0 'SAM 2.1 of its own size' import "$dir/hf" -o "$dir/out.safetensors"
# Positions of points and of the grid from two matrices: both are kept, and make another model.
count_of() { import "$1" -o "$dir/out.safetensors" | sed -n 's/.*"tensors": \([0-9]*\).*/\1/p'; }
foreign hf-apart "$dir/see21" "$dir/apart"
[ "$(count_of "$dir/apart")" = $(($(count_of "$dir/hf") + 1)) ] ||
  fail "apart: $(count_of "$dir/apart") tensors, expected one more than $(count_of "$dir/hf")"
foreign hf-picture "$dir/see21" "$dir/picture"
expect 0 'SAM 2 for pictures, of its own size' import "$dir/picture" -o "$dir/picture.safetensors"
sed 's/"image_size": 64/"image_size": 128/' "$dir/hf/config.json" >"$dir/other.json"
expect 5 'does not go with pictures of 128 pixels' import "$dir/hf/model.safetensors" "$dir/other.json"
sed 's/"image_size": 64/"sigmoid_bias_for_mem_enc": 0/' "$dir/hf/config.json" >"$dir/other.json"
expect 5 'sigmoid_bias_for_mem_enc is not -10' import "$dir/hf/model.safetensors" "$dir/other.json"
echo '{"model_type": "bert"}' >"$dir/other.json"
expect 5 'type bert' import "$dir/hf" "$dir/other.json"
echo '{"model": 1}' >"$dir/other.json"
expect 5 'neither a config.json' import "$dir/other.json"
expect 5 'configuration alone' import "$dir/see21.json"
exit $failed
