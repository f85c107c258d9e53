#!/bin/sh
# Everything that needs a GPU, on a machine that may have little else: a C compiler, nvcc, CUDA's
# libraries, meson and ninja.
# usage: check.sh [STEP...]     of: ops golden parity sanitizer bench long torch; all without any
#
# Builds first. What only has to be right runs side by side, what is timed runs alone. Every part
# says in a line how it ended; its output is in build-gpu/check, and in $EARMARK_CHECK_COPY if that
# is set. Status 1: something failed. A part that could not run is skipped and says why; without a
# GPU that is all of them, and the build is what decides. All ends within $EARMARK_CHECK_SECONDS
# (460).
# $EARMARK_CHECK_DEVICE (cuda) is the backend, to try this script with another.
set -u
cd "$(dirname "$0")/../.." || exit
build=${EARMARK_GPU_BUILD:-build-gpu}
logs=$build/check
end=$(($(date +%s) + ${EARMARK_CHECK_SECONDS:-460}))
all='ops golden parity sanitizer bench long torch'
demo=data/demo/demo.safetensors
device=${EARMARK_CHECK_DEVICE:-cuda}

for step in "$@"; do
  case " build $all " in
  *" $step "*) ;;
  *)
    echo "usage: gpu-check [STEP...] of: build $all" >&2
    exit 2
    ;;
  esac
done
steps=" ${*:-$all} "
wanted() { case $steps in *" $1 "*) true ;; *) false ;; esac; }

verdict() { # WORD PART SECONDS REMARK
  printf '%-8s %-22s %4s s  %s\n' "$1" "$2" "$3" "$4" | tee -a "$logs/verdicts"
}

# Runs a command with its output in a log. KIND says what a late end or a finding means:
# must: failed; part: what is done until then counts; told: findings are told only.
run() { # KIND PART SECONDS COMMAND...
  kind=$1 part=$2 limit=$3
  shift 3
  log=$logs/$(echo "$part" | tr ' :' '--').log
  start=$(date +%s)
  [ "$limit" -le $((end - start)) ] || limit=$((end - start))
  if [ "$limit" -lt 10 ]; then
    verdict skipped "$part" 0 'no time is left: ask for it alone'
    return
  fi
  status=0
  timeout -k 5 "$limit" "$@" >"$log" 2>&1 || status=$?
  seconds=$(($(date +%s) - start))
  remark=$(grep -v '^[ =]*$' "$log" | tail -1 | cut -c1-120)
  word=ok
  case $kind:$status in
  *:0) ;;
  told:*) word=told ;;
  part:124 | part:137) # what a sanitizer found before that counts
    grep -q 'SUMMARY: [1-9]' "$log" && word=FAILED
    remark="stopped after $limit s: $remark"
    ;;
  *:124 | *:137) word=FAILED remark="still running after $limit s" ;;
  *) word=FAILED remark="status $status: $remark" ;;
  esac
  verdict $word "$part" $seconds "$remark"
  [ $word != FAILED ] || echo "$log" >>"$logs/failed"
}

# Build.

mkdir -p "$logs"
rm -f "$logs"/*
gpu=$(nvidia-smi -L 2>/dev/null | sed -n 's/^\(GPU 0.*\) (UUID.*/\1/p')
build_all() {
  if [ ! -f "$build/build.ninja" ]; then
    # Another compiler may warn of what ours does not.
    meson setup "$build" -Dbuildtype=debugoptimized -Dapp=disabled -Dwerror=false \
      -Dgpus="$(if [ -n "$gpu" ]; then echo native; else echo 90; fi)" || return
  fi
  programs='tests/ops/checkops tests/golden/em-golden tests/unit/demo/test-demo-bf16
    tests/gpu/em-parity tests/bench/em-bench tests/reference/em-dump tests/reference/em-import'
  module=kernels/earmark-cuda.so
  ninja -C "$build" build.ninja || return
  ninja -C "$build" -t query $module >/dev/null 2>&1 || module=
  # shellcheck disable=SC2086
  ninja -C "$build" $programs $module || return
  echo "${module:-no CUDA module}, ${gpu:-no GPU}"
}
started=$(date +%s)
if build_all >"$logs/build.log" 2>&1; then
  verdict ok build $(($(date +%s) - started)) "$(tail -1 "$logs/build.log")"
else
  verdict FAILED build $(($(date +%s) - started)) "see $logs/build.log"
  tail -40 "$logs/build.log"
fi

# What runs here?

without() { # WORD REMARK
  for step in $all; do
    if wanted "$step"; then
      verdict "$1" "$step" 0 "$2"
    fi
  done
  steps=' '
}
checkops=$build/tests/ops/checkops
if grep -q '^FAILED' "$logs/verdicts"; then
  without skipped 'the build failed'
else
  answer=$("$checkops" --backend "$device:f32" --op clamp 2>&1 | head -1)
  case $answer in
  *'not here ('*)
    why=${answer#*not here (}
    without "$(if [ -n "$gpu" ]; then echo FAILED; else echo skipped; fi)" "${why%)}"
    ;;
  esac
fi

# What only has to be right. All at once, so each takes a part of the processors.

threads=${OMP_NUM_THREADS:-}
export OMP_NUM_THREADS="${threads:-4}"
golden_files() { # those in the tree, and those that were brought along
  ls tests/golden/data/*.safetensors build-carry/goldens/*.safetensors 2>/dev/null
}

# Op by op: each is a process, so that one finding does not hide the next.
sanitize() { # KIND TOOL BACKEND SECONDS [OP...]
  kind=$1 tool=$2 backend=$3 limit=$4
  shift 4
  # shellcheck disable=SC2016
  run "$kind" "$tool $backend" "$limit" sh -c '
    sanitizer=$1 tool=$2 checkops=$3 backend=$4 status=0
    shift 4
    for op in "$@"; do
      echo "$op:"
      "$sanitizer" --tool "$tool" --error-exitcode 9 --print-limit 3 \
        "$checkops" --backend "$backend" --op "$op" || { status=$?; bad="${bad:-} $op"; }
    done
    echo "$# ops, findings in:${bad:- none}"
    exit $status' sh "$sanitizer" "$tool" "$checkops" "$backend" "$@"
}

if wanted ops; then
  for type in f32 bf16; do
    run must "ops $device:$type" 200 "$checkops" --backend "$device:$type" &
  done
fi
if wanted golden; then
  # shellcheck disable=SC2046
  run must "golden $device:f32" 200 "$build/tests/golden/em-golden" --backend "$device:f32" \
    --strict --quiet $(golden_files) &
fi
if wanted parity; then
  run must 'parity demo' 200 "$build/tests/unit/demo/test-demo-bf16" $demo "$device:bf16" &
  run must 'parity nano' 200 "$build/tests/gpu/em-parity" --backend "$device:bf16" nano &
  run must 'parity tiny' 200 "$build/tests/gpu/em-parity" --backend "$device:bf16" --size 512 tiny &
fi
if wanted sanitizer; then
  sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
  ops=$(sed -n 's/^EM_OP (\([a-z0-9_]*\),.*/\1/p' src/engine/ops.def)
  # Of kernels that are our own and share memory between threads.
  own='layer_norm attention window_attention depthwise argmax stability resize rope'
  if ! [ -x "$sanitizer" ]; then
    verdict skipped sanitizer 0 'there is no compute-sanitizer'
  elif why=$("$sanitizer" "$checkops" --backend "$device:f32" --op clamp 2>&1 \
    | grep -i -m 1 -e 'not supported' -e 'unable to' -e 'failed to init'); then
    verdict skipped sanitizer 0 "compute-sanitizer: $why"
  else
    # shellcheck disable=SC2086
    {
      sanitize part memcheck "$device:bf16" 170 $ops &
      sanitize part memcheck "$device:f32" 170 $own &
      sanitize part racecheck "$device:bf16" 170 $own &
      sanitize part synccheck "$device:bf16" 170 $own &
      sanitize told initcheck "$device:bf16" 170 $own & # what is read may be unused
    }
  fi
fi
wait

# What is timed.

if [ -n "$threads" ]; then export OMP_NUM_THREADS="$threads"; else unset OMP_NUM_THREADS; fi
show() { [ ! -f "$logs/$1" ] || { echo && cat "$logs/$1" && echo; }; }
bench=$build/tests/bench/em-bench
if wanted bench; then
  for model in demo tiny base_plus large; do
    run must "bench $model" 60 "$bench" --backend "$device:bf16" --model $model --rounds 40 \
      --json "$logs/bench-$model.json"
    show bench-$model.log
  done
fi
if wanted long; then
  run must long 130 "$bench" --backend "$device:bf16" --model base_plus --objects 3 --long 2000 \
    --seconds 90
  show long.log
fi
if wanted torch; then
  if ! why=$(python3 -c 'import torch, transformers, safetensors' 2>&1); then
    verdict skipped torch 0 "python3: $(echo "$why" | tail -1)"
  elif [ $((end - $(date +%s))) -lt 150 ]; then # it compiles for minutes
    verdict skipped torch 0 'too little time is left: ask for it alone'
  else
    run part torch 440 python3 tests/reference/speed.py --device cuda --build "$build" --rounds 20 \
      --sizes base_plus --markdown "$logs/torch.md"
    show torch.md
  fi
fi

# All in one place.

if [ -f "$logs/failed" ]; then
  while read -r log; do
    echo && echo "--- the end of $log" && tail -15 "$log"
  done <"$logs/failed"
fi
echo
echo "${gpu:-no GPU}:"
sort -s -k1,1 "$logs/verdicts"
copy=${EARMARK_CHECK_COPY:-}
if [ -n "$copy" ]; then
  cp "$logs/verdicts" "$copy/summary.txt"
  for log in "$logs"/*.log "$logs"/*.json "$logs"/*.md; do
    [ ! -f "$log" ] || { echo "==== $log" && cat "$log"; }
  done >"$copy/logs.txt"
  [ ! -f "$logs/torch.md" ] || cp "$logs/torch.md" "$copy/"
fi
! grep -q '^FAILED' "$logs/verdicts"
