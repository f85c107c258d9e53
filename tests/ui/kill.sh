#!/bin/sh
# kill.sh BUILD [TIMES]: kill -9 of the window at random moments while it works on the demo. After
# each the project must open, be whole, and hold everything that the window had confirmed. The
# project lives on from one life to the next.
set -u
build=$(cd "$1" && pwd)
times=${2:-30}
if [ "${EARMARK_UI_INSIDE:-}" != yes ]; then
  exec "$(dirname "$0")/run.sh" "$0" "$build" "$times"
fi
log=$HOME/log
life=0
while [ "$life" -lt "$times" ]; do
  life=$((life + 1))
  : >"$log" # the last life's log would say that this one works already
  "$build/tests/ui/kill" work "$life" >"$log" 2>"$log.err" &
  pid=$!
  waited=0
  until grep -q '^working' "$log"; do
    kill -0 $pid 2>/dev/null || { cat "$log.err"; echo "life $life ended by itself"; exit 1; }
    sleep 0.2
    waited=$((waited + 1))
    [ $waited -lt 900 ] || { echo "life $life never got to work"; kill -9 $pid; exit 1; }
  done
  sleep "$(awk -v seed="$life$$" 'BEGIN { srand(seed); print 0.2 + rand() * 8 }')"
  kill -0 $pid 2>/dev/null || { tail -5 "$log.err"; echo "life $life ended by itself"; exit 1; }
  kill -9 $pid
  wait $pid 2>/dev/null
  project=$(sed -n 's/^project //p' "$log")
  echo "life $life: $("$build/tests/ui/kill" check "$project" "$log" 2>"$log.err")"
  [ ! -s "$log.err" ] || { head -5 "$log.err"; exit 1; }
done
echo "$times times killed, nothing confirmed was missing"
