# expect.sh - what the scripts of this folder share; read with ".".
# Sets $dir, a folder that goes with the script, and keeps state and caches in it.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export XDG_DATA_HOME="$dir/data" XDG_STATE_HOME="$dir/state" XDG_CACHE_HOME="$dir/cache"
failed=0

fail() {
  echo "FAIL: $*"
  failed=1
}

# EXIT-CODE PATTERN COMMAND...: stdout and stderr together hold PATTERN
expect() {
  code=$1 pattern=$2
  shift 2
  output=$("$@" 2>&1)
  status=$?
  if [ $status -ne "$code" ] || ! printf '%s\n' "$output" | grep -q -- "$pattern"; then
    fail "$*"
    echo "  exit $status, expected $code; output, expected to hold \"$pattern\":"
    printf '%s\n' "$output" | sed 's/^/  | /'
  fi
}

# CLIP-KIND FILE: a drawn clip, or the script is skipped where a plugin lacks
draw() {
  sh "$make_clip" "$1" "$2"
  status=$?
  [ $status -ne 77 ] || { echo "no plugins to draw a clip of kind $1"; exit 77; }
  [ $status -eq 0 ] || { echo "cannot draw a clip of kind $1"; exit 1; }
}
