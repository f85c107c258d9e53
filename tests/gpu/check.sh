#!/bin/sh
# Everything that needs a GPU, on a machine that may have little else: a C compiler, nvcc, CUDA's
# libraries, meson and ninja.
# usage: check.sh [STEP...]     all without any, of: ops golden parity sanitizer bench long torch
#                               autotune
#
# Builds first. What only has to be right runs side by side, what is timed runs alone. Every part
# says in a line how it ended; its output is in build-gpu/check, and in $EARMARK_CHECK_COPY if that
# is set, from step to step. Status 1: something failed. A part that could not run is skipped and
# says why; without a GPU that is all of them, and the build is what decides. All ends within
# $EARMARK_CHECK_SECONDS (460): torch and autotune want that for themselves, so each is asked for
# alone.
# $EARMARK_CHECK_DEVICE (cuda) is the backend, to try this script with another.
set -u
cd "$(dirname "$0")/../.." || exit
build=${EARMARK_GPU_BUILD:-build-gpu}
logs=$build/check
end=$(($(date +%s) + ${EARMARK_CHECK_SECONDS:-460}))
all='ops golden parity sanitizer bench long torch autotune'
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

# What there is so far, where it outlives this machine.
copy=${EARMARK_CHECK_COPY:-}
save() {
  [ -n "$copy" ] || return 0
  for log in "$logs"/*.log "$logs"/*.csv "$logs"/*.json "$logs"/*.md; do
    [ ! -f "$log" ] || { echo "==== $log" && cat "$log"; }
  done >"$copy/logs.part"
  mv "$copy/logs.part" "$copy/logs.txt"
  cp "$logs/verdicts" "$copy/summary.txt"
}

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
    grep -q -e 'SUMMARY: [1-9]' -e 'Internal Sanitizer Error' "$log" && word=FAILED
    remark="stopped after $limit s: $remark"
    ;;
  *:124 | *:137) word=FAILED remark="still running after $limit s" ;;
  *) word=FAILED remark="status $status: $remark" ;;
  esac
  verdict $word "$part" $seconds "$remark"
  [ $word != FAILED ] || echo "$log" >>"$logs/failed"
}

# Runs a command once for each item, which is its last argument: a process each, so that one that
# fails takes no other along. A late one is none of a part's failures.
each() { # KIND PART SECONDS ITEMS SECONDS-FOR-EACH COMMAND...
  kind=$1 part=$2 limit=$3 items=$4 most=$5
  shift 5
  # shellcheck disable=SC2016
  run "$kind" "$part" "$limit" sh -c '
    kind=$1 items=$2 most=$3 n=0
    shift 3
    for item in $items; do
      echo "$item:"
      status=0 n=$((n + 1))
      timeout -k 5 "$most" "$@" "$item" || status=$?
      case $kind:$status in
      *:0) ;;
      part:124 | part:137) late="${late:-} ${item##*/}" ;;
      *) bad="${bad:-} ${item##*/}" ;;
      esac
    done
    echo "$n done${late:+, late:$late}, failed:${bad:- none}"
    [ -z "${bad:-}" ]' sh "$kind" "$items" "$most" "$@"
}

# Build.

mkdir -p "$logs"
rm -f "$logs"/*
gpu=$(nvidia-smi -L 2>/dev/null | sed -n 's/^\(GPU 0.*\) (UUID.*/\1/p')
# What the figures were measured on: chip, driver, clocks as found.
state() { # [OPTION...]
  of=timestamp,name,driver_version,pstate,clocks.sm,clocks.mem
  nvidia-smi --query-gpu=$of,temperature.gpu,power.draw,memory.used --format=csv "$@" 2>/dev/null
}
tool() { # PROGRAM MODULE: or the same out of Python's packages
  command -v "$1" && return
  python3 -c "import $2" 2>/dev/null && echo "python3 -m $2" || echo "$1"
}
meson=$(tool meson mesonbuild.mesonmain)
ninja=$(tool ninja ninja)
build_all() {
  if [ ! -f "$build/build.ninja" ]; then
    # Another compiler may warn of what ours does not.
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null \
      | sed -n '1s/\.//p')
    # shellcheck disable=SC2086
    timeout 60 $meson setup "$build" -Dbuildtype=debugoptimized -Dapp=disabled -Dwerror=false \
      -Dgpus="${capability:-90}" || return
  fi
  programs='tests/ops/checkops tests/golden/em-golden tests/unit/demo/test-demo-bf16
    tests/gpu/em-parity tests/bench/em-bench tests/reference/em-dump tests/reference/em-import'
  module=kernels/earmark-cuda.so
  # shellcheck disable=SC2086
  {
    timeout 60 $ninja -C "$build" build.ninja || return
    $ninja -C "$build" -t query $module >/dev/null 2>&1 || module=
    timeout 240 $ninja -C "$build" $programs $module || return
  }
  echo "${module:-no CUDA module}, ${gpu:-no GPU}"
}
started=$(date +%s)
if build_all >"$logs/build.log" 2>&1; then
  verdict ok build $(($(date +%s) - started)) "$(tail -1 "$logs/build.log")"
else
  verdict FAILED build $(($(date +%s) - started)) "see $logs/build.log"
  tail -40 "$logs/build.log"
fi
save

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
  answer=$(timeout 60 "$checkops" --backend "$device:f32" --op clamp 2>&1 | head -1)
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
  ls tests/golden/data/*.safetensors
  ls build-carry/goldens/*.safetensors 2>/dev/null
}

ops=$(sed -n 's/^EM_OP (\([a-z0-9_]*\),.*/\1/p' src/engine/ops.def)

if wanted ops; then
  for type in f32 bf16; do
    each must "ops $device:$type" 200 "$ops" 40 "$checkops" --backend "$device:$type" --op &
  done
fi
if wanted golden; then
  each must "golden $device:f32" 200 "$(golden_files)" 100 "$build/tests/golden/em-golden" \
    --backend "$device:f32" --strict --quiet &
fi
if wanted parity; then
  run must 'parity demo' 200 "$build/tests/unit/demo/test-demo-bf16" $demo "$device:bf16" &
  run must 'parity nano' 200 "$build/tests/gpu/em-parity" --backend "$device:bf16" nano &
  run must 'parity tiny' 200 "$build/tests/gpu/em-parity" --backend "$device:bf16" --size 512 tiny &
fi

port=49152 # ten for each, of those that run at once
sanitize() { # KIND TOOL TYPE WHICH OPS [OPTION...]
  kind=$1 tool=$2 backend=$device:$3 which=$4 some=$5
  shift 5
  port=$((port + 16))
  each "$kind" "$tool $backend $which" 120 "$some" 60 "$sanitizer" --tool "$tool" --port $port \
    --launch-timeout 0 --error-exitcode 9 --print-limit 3 "$@" \
    "$checkops" --backend "$backend" --op &
}
if wanted sanitizer; then
  sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
  # Of kernels that are our own and share memory between threads; a product where no library serves.
  sharing='attention window_attention conv2d permute layer_norm stability matmul linear'
  if ! [ -x "$sanitizer" ]; then
    verdict skipped sanitizer 0 'there is no compute-sanitizer'
  elif why=$(timeout 60 "$sanitizer" --launch-timeout 0 --port $port "$checkops" \
    --backend "$device:f32" --op clamp 2>&1 \
    | grep -i -m 1 -e 'not supported' -e 'unable to' -e 'failed to init' -e 'unrecogni'); then
    verdict skipped sanitizer 0 "compute-sanitizer: $why"
  else
    rest=$(for op in $ops; do case " $sharing " in *" $op "*) ;; *) echo "$op" ;; esac done)
    # The library's own calls that fail, and are tried otherwise, are no findings.
    sanitize part memcheck bf16 sharing "$sharing" --report-api-errors no
    sanitize part memcheck bf16 rest "$rest" --report-api-errors no
    sanitize part memcheck f32 sharing "$sharing" --report-api-errors no
    sanitize part racecheck bf16 sharing "$sharing"
    sanitize part synccheck bf16 sharing "$sharing argmax"
    sanitize told initcheck bf16 sharing "$sharing" # what is read may be unused
  fi
fi
wait
save

# What is timed.

if [ -n "$threads" ]; then export OMP_NUM_THREADS="$threads"; else unset OMP_NUM_THREADS; fi
state >"$logs/state.csv"
state -l 1 >"$logs/clocks.csv" &
watcher=$!
trap 'kill $watcher 2>/dev/null' EXIT
show() { [ ! -f "$logs/$1" ] || { echo && cat "$logs/$1" && echo; }; }
bench=$build/tests/bench/em-bench
if wanted bench; then
  for model in demo tiny base_plus large; do
    run must "bench $model" 60 "$bench" --backend "$device:bf16" --model $model --rounds 40 \
      --json "$logs/bench-$model.json"
    show bench-$model.log
    save
  done
fi
if wanted long; then
  run must long 130 "$bench" --backend "$device:bf16" --model base_plus --objects 3 --long 2000 \
    --seconds 90
  show long.log
  save
fi
beside() { # PART LEAST SECONDS OPTION...   of PyTorch; LEAST is what it needs to tell anything
  part=$1 least=$2 limit=$3
  shift 3
  if ! why=$(timeout 60 python3 -c 'import torch, transformers, safetensors' 2>&1); then
    verdict skipped "$part" 0 "python3: $(echo "$why" | tail -1)"
  elif [ $((end - $(date +%s))) -lt "$least" ]; then
    verdict skipped "$part" 0 'too little time is left: ask for it alone'
  else
    run part "$part" "$limit" python3 tests/reference/speed.py --device "$device" --build "$build" \
      --rounds 20 --sizes base_plus --markdown "$logs/$part.md" "$@"
    show "$part.md"
  fi
  save
}
if wanted torch; then
  beside torch 60 150 --sides earmark:bf16 pytorch:bf16 --events
  beside torch-compiled 100 250 --sides earmark:bf16 pytorch:compiled --stages encode track click \
    --compile reduce-overhead
fi
if wanted autotune; then # which may take many minutes
  beside autotune 240 600 --sides earmark:bf16 pytorch:compiled --stages encode track click \
    --compile max-autotune
fi

# All in one place.

state >>"$logs/state.csv"
if [ -f "$logs/failed" ]; then
  while read -r log; do
    echo && echo "--- the end of $log" && tail -15 "$log"
  done <"$logs/failed"
fi
echo
cat "$logs/state.csv"
echo "${gpu:-no GPU}:"
sort -s -k1,1 "$logs/verdicts"
save
! grep -q '^FAILED' "$logs/verdicts"
