#!/bin/sh
# earmark-cli weights import of other people's files: the same tensors have one digest, whatever
# file they came from.
# What a stranger made to harm is refused with exit 5 and a sentence of its own.
# usage: import.sh EARMARK-CLI MAKE-PACKAGE FOREIGN-FILE.PY PYTHON
cli=$1
make=$2
script=$3
harm=${3%/*}/torch_file.py
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

# What only SAM 2 is in: 2.1, then 2.0.
for kind in sound old; do
  see=$dir/$kind
  "$make" "$see" $kind || exit 1
  foreign config "$see" "$see.json"
  want=$(digest_of "$see")
  for container in safetensors pt old; do
    foreign sam2 "$see" "$see.$container"
    same "$kind: SAM 2 as $container" "$see.$container" "$see.json"
  done
  same "$kind: the configuration first" "$see.json" "$see.pt"
  same "$kind: two files that say the same" "$see.pt" "$see"
  expect 5 'width 4 and 1, 1, 1 and 1 blocks is none of the released' import "$see.pt"
  foreign hf "$see" "$dir/hf-$kind"
  same "$kind: Hugging Face" "$dir/hf-$kind"
done
[ "$(digest_of "$dir/old")" != "$(digest_of "$dir/sound")" ] || fail '2.0 and 2.1 have one digest'
want=$(digest_of "$dir/sound")
expect 5 'twice, with different values' import "$dir/sound.pt" "$dir/old.pt" "$dir/sound.json"
foreign config "$dir/old" "$dir/old.json"
expect 0 '"unexpected": \[$' import "$dir/sound.pt" "$dir/old.json" -o "$dir/out.safetensors"
expect 5 'another one than that of a file before' import "$dir/sound" "$dir/old.json"

# With sound, then with words.
for kind in hearing reading; do
  whole=$dir/$kind
  "$make" "$whole" $kind || exit 1
  foreign config "$whole" "$whole.json"
  [ $kind = hearing ] || foreign text "$whole" "$dir/text"
  want=$(digest_of "$whole")
  words=
  [ $kind = hearing ] || words="$dir/text/vocab.json $dir/text/merges.txt"
  for container in safetensors pt old; do
    for layout in sam2 fuser former full prompter vgg; do
      foreign $layout "$whole" "$dir/$kind-$layout.$container"
    done
    f=$dir/$kind
    same "$kind: full as $container" "$f-full.$container" "$f.json" $words
    same "$kind: prompter as $container" "$f-prompter.$container" "$f.json" $words
    [ $kind = hearing ] || words=$dir/text
    same "$kind: fuser as $container" "$f-sam2.$container" "$f-fuser.$container" "$f.json" $words
    same "$kind: former as $container" "$f-former.$container" "$f-sam2.$container" "$f.json" $words
    same "$kind: VGGish twice as $container" "$f-vgg.$container" "$f-sam2.$container" \
      "$f-fuser.$container" "$f.json" $words
    [ $kind = hearing ] || words="$dir/text/vocab.json $dir/text/merges.txt"
  done
done
hears=$dir/hearing
want=$(digest_of "$hears")
expect 5 'no SAM 2 among these files' import "$hears-fuser.pt" "$hears.json"
expect 5 'VGGish came without AuralFuser' import "$hears-sam2.pt" "$hears-vgg.pt" "$hears.json"
expect 5 'without its vocabulary' import "$dir/reading-full.pt" "$dir/reading.json"
expect 5 'without an AuralFuser that reads' import "$hears-full.pt" "$dir/text" "$hears.json"
mkdir "$dir/folder"
expect 4 'has neither model.safetensors nor' import "$dir/folder"
cp "$hears-full.old" "$dir/folder/pytorch_model.bin"
same 'a folder' "$dir/folder" "$hears.json"
# A config.json beside other files is read if it can be, and one that is named goes before it.
mkdir "$dir/beside"
cp "$dir/sound.pt" "$dir/beside/x.pt"
echo '{"model_type": "bert"}' >"$dir/beside/config.json"
expect 5 'none of the released' import "$dir/beside/x.pt"
cp "$dir/hf-sound/config.json" "$dir/beside/config.json"
expect 0 'SAM 2.1 of its own size' import "$dir/beside/x.pt" -o "$dir/out.safetensors"
sed 's/"image_size": 64/"image_size": 128/' "$dir/beside/config.json" >"$dir/other.json"
expect 5 'pictures of 128 pixels' import "$dir/other.json" "$dir/beside/x.pt"
# A package may be joined too: its name is that of what it was.
expect 0 '"name": "SAM 2.1 of its own size that hears"' import "$dir/sound" "$hears-fuser.pt" \
  -o "$dir/out.safetensors"
expect 0 '"name": "tiny test model"' import "$dir/sound" -o "$dir/out.safetensors"
# VGGish as published yields to the one that a fuser was saved with.
foreign vgg0 "$hears" "$dir/vgg0.pt"
same 'VGGish first' "$dir/vgg0.pt" "$hears-full.pt" "$hears.json"
same 'VGGish last' "$hears-full.pt" "$hears.json" "$dir/vgg0.pt"
sed 's/layer_norm_eps": 1e-05/layer_norm_eps": 1e-12/' "$dir/text/config.json" >"$dir/eps.json"
expect 5 'layer_norm_eps is not 1e-05' import "$dir/reading-full.pt" "$dir/text/vocab.json" \
  "$dir/text/merges.txt" "$dir/hf-sound/config.json" "$dir/eps.json"

see=$dir/sound
want=$(digest_of "$see")
foreign hf "$see" "$dir/hf"
same 'Hugging Face, the folder' "$dir/hf"
same 'Hugging Face, the file' "$dir/hf/model.safetensors"
expect 0 'SAM 2.1 of its own size' import "$dir/hf" -o "$dir/out.safetensors"
# Positions of points and of the grid from two matrices: both are kept, and make another model.
count_of() { import "$1" -o "$dir/out.safetensors" | sed -n 's/.*"tensors": \([0-9]*\).*/\1/p'; }
foreign hf-apart "$see" "$dir/apart"
[ "$(count_of "$dir/apart")" = $(($(count_of "$dir/hf") + 1)) ] ||
  fail "apart: $(count_of "$dir/apart") tensors, expected one more than $(count_of "$dir/hf")"
foreign hf-picture "$see" "$dir/picture"
expect 0 'SAM 2 for pictures, of its own size' import "$dir/picture" -o "$dir/picture.safetensors"
sed 's/"image_size": 64/"image_size": 128/' "$dir/hf/config.json" >"$dir/other.json"
expect 5 'does not go with pictures of 128 pixels' import "$dir/hf/model.safetensors" "$dir/other.json"
sed 's/"image_size": 64/"sigmoid_bias_for_mem_enc": 0/' "$dir/hf/config.json" >"$dir/other.json"
expect 5 'sigmoid_bias_for_mem_enc is not -10' import "$dir/hf/model.safetensors" "$dir/other.json"
echo '{"model_type": "bert"}' >"$dir/other.json"
expect 5 'type bert' import "$dir/hf" "$dir/other.json"
echo '{"model": 1}' >"$dir/other.json"
expect 5 'neither a config.json' import "$dir/other.json"
expect 5 'configuration alone' import "$see.json"

# Files made to harm are refused, each for its own reason.
mkdir "$dir/harm"
"$python" "$harm" "$dir/harm" || fail torch_file.py
n=0
while IFS='|' read -r kind pattern; do
  n=$((n + 1))
  expect 5 "$pattern" import "$dir/harm/$kind.pt"
done <<'LIST'
sound|tensors (x ...) are of no model
system|posix.system is not allowed in a checkpoint
eval|builtins.eval is not allowed
terminal|evil?\[2J.x is not allowed
stack-global|0x93 (STACK_GLOBAL) is not allowed
inst|(INST) is not allowed
newobj|(NEWOBJ) is not allowed
reduce|OrderedDict with arguments
call-data|calls what is no function
call-type|calls what is no function
protocol|another protocol than 2
frame|(FRAME) is not allowed
nested|nested too deeply
lists|stack grows too high
marks|nested too deeply
memo|remembers under the number 4294967295
forgotten|recalls number 7, which it never remembered
bomb|stack grows too high
values|too many values
text|the pickle is cut off
name|a name of enormous length
underflow|takes from an empty stack
unbalanced|more or less than one value
odd|fills what is no list or dictionary
stop|more or less than one value
list|no dictionary of tensors
empty|holds no tensors by name
dimensions|6 dimensions, at most 5
negative-shape|impossible shape
huge-shape|impossible shape
negative-stride|impossible stride
huge-stride|impossible stride
zero-stride|more elements than its storage
out-of-range|reaches out of its storage
offset|reaches out of its storage
negative-offset|begins outside of its storage
text-shape|a shape that is no tuple
wide|more than 64 bits
storage-size|archive/data/0 has 16 bytes, not those of 5 numbers of torch.FloatStorage
huge-storage|a storage of an impossible size
no-storage|in archive/data/7, which is missing
path|etc/passwd, which is missing
double|torch.DoubleStorage, which is not supported
no-tensor|x is no tensor
twice|tensor x comes twice
memory|more memory than the file is long
compressed|is compressed
encrypted|is encrypted
two-sizes|has two sizes
member-size|data/0 lies outside of the archive
member-offset|data/0 lies outside of the archive
member-place|data/0 is not where the archive says
no-field|zip64 field, which is missing
short-field|zip64 field is too short
far-field|data/0 lies outside of the archive
overlap|two members of the archive overlap
duplicate|data.pkl is in the archive twice
dots|impossible name
absolute|impossible name
nul|impossible name
no-pickle|without a data.pkl
big-endian|another byte order
zip64-count|contradicts the end record
zip64-offset|contradicts the end record
zip64-huge|claims 4611686018427387904 members
zip64-more|directory of the archive is damaged
zip64-missing|zip64 record, which is missing
zip64-place|not where the archive says
disks|several files
cut|cut off
cut-directory|directory of the archive is damaged
old-magic|no checkpoint of PyTorch
LIST
[ "$(ls "$dir/harm" | wc -l)" = $n ] || fail 'a file made to harm is not in the list'
exit $failed
