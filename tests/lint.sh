#!/bin/sh
# The house rules that no compiler sees. Prints what breaks them; silent and 0 when all is well.
set -u
cd "$(dirname "$0")/.."
bad=0
complain() { echo "lint: $*"; bad=1; }

# Layers: a folder includes itself and what is to its left.
allowed() { # FOLDER PREFIXES...
  folder=$1
  shift
  [ -d "src/$folder" ] || return 0
  for include in $(grep -rhoE '^#include "[a-z]+/[a-z_.]*' "src/$folder" --include='*.[ch]' \
    | sed 's/.*"//' | sort -u); do
    case " $* " in *" ${include%%/*}/ "* | *" $include "*) ;; *)
      complain "src/$folder includes $include"
      grep -rn "^#include \"$include" "src/$folder" | head -3 ;;
    esac
  done
}
allowed base base/
allowed engine base/ engine/
allowed weights base/ engine/ weights/
allowed models base/ engine/ weights/ models/
allowed predict base/ engine/ weights/ models/ predict/
allowed metrics base/ metrics/
allowed formats base/ formats/
allowed media base/ media/
allowed store base/ store/
allowed service base/ engine/ weights/ models/ predict/ metrics/ formats/ media/ store/ service/
# threads.h is no engine: what a program's main() says about its environment.
allowed app base/ formats/ media/ metrics/ store/ service/ app/ engine/threads.h

# The CUDA module is handed what it needs of the engine, and links nothing of ours.
grep -nE '#include "[a-z]+/' kernels/*.cu kernels/*.cuh \
  | grep -vE '"(engine/backend\.h|engine/tensor\.h|engine/ops\.def|base/error\.h)"' \
  && complain "kernels include more than the backend's interface"

for folder in base engine weights models predict metrics formats; do
  grep -rln '#include <\(glib\|gio\|gst\|gtk\)' "src/$folder" 2>/dev/null \
    | while read -r f; do complain "$f uses GLib below the line"; done
done | grep . && bad=1

# Text: no tabs, no trailing blanks, no line over 100 columns, no unowned TODO.
files=$(git ls-files '*.c' '*.h' '*.cu' '*.cuh' '*.cc' '*.ui' '*.build' '*.sh' 'dev')
grep -nE "$(printf '\t')| +$" $files | head -20 | grep . && complain "tabs or trailing blanks"
LC_ALL=C awk '{ line = $0; gsub(/[\200-\277]/, "", line) } # characters, not bytes
  length(line) > 100 { print FILENAME ":" FNR ": " length(line) " columns"; n++ } END { exit n > 0 }' \
  $(git ls-files '*.c' '*.h' '*.cu' '*.cuh' '*.cc') || complain "lines over 100 columns"
grep -nE 'TODO|FIXME' $files | grep -v 'lint.sh' | head | grep . && complain "TODO without an owner"

# Every header compiles alone.
flags=$(pkg-config --cflags gtk4 libadwaita-1 gstreamer-1.0 gstreamer-app-1.0 gstreamer-video-1.0 \
  sqlite3 jansson libpng epoxy 2>/dev/null)
for h in $(git ls-files 'src/*.h'); do
  printf '#include "%s"\n' "${h#src/}" \
    | cc -std=gnu17 -D_GNU_SOURCE -DEM_ISA=baseline -Isrc $flags -Wno-unused -fsyntax-only -x c - 2>/tmp/earmark-lint.$$ \
    || { complain "$h does not compile alone"; head -5 /tmp/earmark-lint.$$; }
done
rm -f /tmp/earmark-lint.$$

# No file is much larger than a stranger wants to read; tables are exempt.
git ls-files 'src/*.c' 'src/*.h' 'kernels/*' 'tests/*.c' 'tests/*.cc' | xargs wc -l \
  | awk '$2 != "total" && $1 > 1000 { print "lint: " $2 " has " $1 " lines"; n++ } END { exit n > 0 }' || bad=1

# What people read is translatable: every file with such text is listed.
for f in $(git ls-files ui src/app src/service); do
  grep -lE '(^|[^a-z])(_|N_|C_|ngettext) ?\("|translatable="yes"' "$f" 2>/dev/null
done | grep -vxFf po/POTFILES | while read -r f; do echo "lint: po/POTFILES lacks $f"; done \
  | grep . && bad=1

# The binaries in the tree are the ones we mean.
git ls-files | while read -r f; do
  case $f in data/*|*.png|tests/golden/data/*) continue ;; esac
  [ -f "$f" ] && ! grep -Iq . "$f" && [ -s "$f" ] && echo "lint: $f is a binary file"
done | grep . && bad=1
exit $bad
