#!/bin/sh
# run.sh PROGRAM [ARGUMENTS...]: a display, a session bus and a home of its own for one program.
# 77, skipped, only where there is no Xvfb.
set -u
if [ "${EARMARK_UI_INSIDE:-}" != yes ]; then
  command -v xvfb-run >/dev/null || exit 77
  home=$(mktemp -d "${TMPDIR:-/tmp}/earmark-ui-XXXXXX") || exit 1
  trap 'rm -rf "$home"' EXIT
  export EARMARK_UI_INSIDE=yes HOME="$home" XDG_RUNTIME_DIR="$home/run" XDG_STATE_HOME="$home/state"
  export GDK_BACKEND=x11 GSK_RENDERER=cairo LIBGL_ALWAYS_SOFTWARE=1 GSETTINGS_BACKEND=memory
  export GTK_A11Y=${GTK_A11Y:-test} ADW_DISABLE_PORTAL=1 NO_AT_BRIDGE=1
  export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
  unset WAYLAND_DISPLAY XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME
  mkdir -m 700 "$home/run"
  xvfb-run -a -s '-screen 0 1400x900x24' dbus-run-session -- "$0" "$@"
  exit $?
fi
"$@"
