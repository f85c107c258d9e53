#!/bin/sh
# shots.sh BUILD FOLDER: screenshots of every page, light and dark.
set -eu
build=$(cd "$1" && pwd)
mkdir -p "$2"
folder=$(cd "$2" && pwd)
run=$(dirname "$0")/run.sh
"$run" "$build/tests/ui/shots" "$folder"
"$run" "$build/tests/ui/shots" "$folder" dark
