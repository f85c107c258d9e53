#!/bin/sh
# Clips of the demo world as .webm files, each beside a folder of what is true in it.
#
#   make-clips.sh PROGRAM OUT FIRST COUNT [standard|twins]   OUT/world-SEED.webm, OUT/world-SEED/
#   make-clips.sh PROGRAM --demo FILE                        the clip that comes with Earmark
#
# PROGRAM is em-demo-world from the build folder.
set -eu

demo_seed=358
frame_rate=12

# encode FOLDER NAME WEBM BITS: VP9 at up to BITS a second, Opus; the sound is cut to ten seconds
encode ()
{
  gst-launch-1.0 -q webmmux name=mux ! filesink location="$3" \
    filesrc location="$1/$2.y4m" ! y4mdec ! videoconvert ! video/x-raw,format=I420 ! \
    vp9enc deadline=1 cpu-used=2 end-usage=cq cq-level=18 min-quantizer=0 max-quantizer=40 \
    target-bitrate="$4" keyframe-max-dist="$frame_rate" lag-in-frames=16 threads=2 ! \
    queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux. \
    filesrc location="$1/$2.wav" ! wavparse ! audioconvert ! audioresample quality=10 ! \
    audio/x-raw,rate=48000,channels=2 ! opusenc bitrate=128000 audio-type=generic ! \
    queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux.
  rm "$1/$2.y4m" "$1/$2.wav"
}

if [ $# -eq 3 ] && [ "$2" = --demo ]; then
  work=$(mktemp -d)
  trap 'rm -r "$work"' EXIT
  "$1" --seed "$demo_seed" --out "$work"
  encode "$work" clip "$3" 1500000
elif [ $# -ge 4 ]; then
  mkdir -p "$2"
  seed=$3
  while [ "$seed" -lt $(($3 + $4)) ]; do
    name=world-$seed
    "$1" --seed "$seed" --slice "${5:-standard}" --name "$name" --out "$2"
    encode "$2" "$name" "$2/$name.webm" 3000000
    seed=$((seed + 1))
  done
else
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
