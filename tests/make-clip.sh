#!/bin/sh
# make-clip.sh KIND OUT - draws a test clip; none is stored.
#
# Every picture differs from its neighbours (the pattern scrolls), sound is a tick a second from 0 s
# on. Exits 77 if a plugin that the kind needs is not installed, and lists the kinds without
# arguments.
set -eu

kinds="mp4 open-gop vfr rotated-90 rotated-180 rotated-270 offset late-picture mute webm webm-vp8
ts mkv fragmented anamorphic mjpeg two-tracks mono surround wav-track avi hevc av1 ogg
frames-png frames-jpeg short-sound long long-gop"
if [ $# -ne 2 ]; then
  echo $kinds
  exit 2
fi
kind=$1 out=$2

need() {
  for element; do
    gst-inspect-1.0 --exists "$element" || exit 77
  done
}
launch() {
  gst-launch-1.0 -q -e "$@" >"$out.log" 2>&1 || { cat "$out.log" >&2; exit 1; }
  rm -f "$out.log"
}

size=width=192,height=144
video="videotestsrc num-buffers=60 pattern=smpte horizontal-speed=3 ! video/x-raw,$size,framerate=30/1,format=I420"
ticks="audiotestsrc wave=ticks tick-interval=1000000000 freq=2000 volume=0.8 sine-periods-per-tick=20 samplesperbuffer=960 num-buffers=100"
# Ticks in floats come out of uninitialised memory, so the source counts in integers.
pcm="audio/x-raw,format=S16LE,layout=interleaved"
sound="$ticks ! $pcm,rate=48000,channels=2 ! audioconvert"
aac="avenc_aac ! aacparse"
h264="x264enc bframes=3 b-adapt=false key-int-max=15 speed-preset=veryfast ! h264parse"
x264="x264enc avenc_aac h264parse mp4mux"

# Writes the 3 x 3 display matrix of the first track: what a phone held sideways does. The matrix
# begins 44 bytes after the name of the track header box, which comes after the movie header's own.
turn() {
  at=$(grep -abo tkhd "$out" | head -n 1 | cut -d: -f1)
  printf "$1" | dd of="$out" bs=1 seek=$((at + 44)) conv=notrunc 2>/dev/null
}
one='\000\001\000\000' minus='\377\377\000\000' zero='\000\000\000\000' unit='\100\000\000\000'

case $kind in
mp4)
  need $x264
  launch $video ! $h264 ! mp4mux name=m ! filesink location="$out" $sound ! $aac ! m.
  ;;
open-gop)
  need $x264
  launch $video ! x264enc bframes=3 b-adapt=false key-int-max=12 option-string=open-gop=1 ! h264parse \
    ! mp4mux name=m ! filesink location="$out" $sound ! $aac ! m.
  ;;
vfr) # a third of the pictures left out, at random
  need $x264
  launch $video ! identity drop-probability=0.35 ! x264enc bframes=2 b-adapt=false key-int-max=12 \
    ! h264parse ! mp4mux name=m ! filesink location="$out" $sound ! $aac ! m.
  ;;
rotated-*)
  need $x264
  launch $video ! $h264 ! mp4mux name=m ! filesink location="$out" $sound ! $aac ! m.
  case $kind in
  rotated-90) turn "$zero$one$zero$minus$zero$zero$zero$zero$unit" ;;
  rotated-180) turn "$minus$zero$zero$zero$minus$zero$zero$zero$unit" ;;
  rotated-270) turn "$zero$minus$zero$one$zero$zero$zero$zero$unit" ;;
  esac
  ;;
offset) # the sound begins 80 ms after the picture
  need $x264
  launch $video ! $h264 ! mp4mux name=m ! filesink location="$out" \
    $ticks timestamp-offset=80000000 ! $pcm,rate=48000,channels=2 ! audioconvert ! $aac ! m.
  ;;
late-picture) # the picture begins 250 ms after the sound
  need x264enc h264parse matroskamux opusenc
  launch videotestsrc num-buffers=60 pattern=smpte horizontal-speed=3 timestamp-offset=250000000 \
    ! video/x-raw,$size,framerate=30/1,format=I420 ! $h264 ! matroskamux name=m ! filesink location="$out" \
    $sound ! opusenc ! m.
  ;;
mute)
  need x264enc h264parse mp4mux
  launch $video ! $h264 ! mp4mux ! filesink location="$out"
  ;;
webm)
  need vp9enc opusenc webmmux
  launch $video ! vp9enc keyframe-max-dist=20 deadline=1 cpu-used=8 ! webmmux name=m \
    ! filesink location="$out" $sound ! opusenc ! m.
  ;;
webm-vp8) # in two passes, so that there are alternate reference frames: packets that are never shown
  need vp8enc vorbisenc webmmux
  vp8="vp8enc keyframe-max-dist=40 deadline=1000000 target-bitrate=100000 lag-in-frames=16
    auto-alt-ref=true multipass-cache-file=$out.pass multipass-mode"
  launch $video ! $vp8=first-pass ! fakesink
  launch $video ! $vp8=last-pass ! webmmux name=m ! filesink location="$out" $sound ! vorbisenc ! m.
  rm -f "$out.pass"*
  ;;
ts)
  need x264enc h264parse avenc_aac aacparse mpegtsmux tsdemux
  launch $video ! $h264 ! mpegtsmux name=m ! filesink location="$out" $sound ! $aac ! m.
  ;;
mkv)
  need x264enc h264parse vorbisenc matroskamux
  launch $video ! $h264 ! matroskamux name=m ! filesink location="$out" $sound ! vorbisenc ! m.
  ;;
fragmented)
  need $x264
  launch $video ! $h264 ! mp4mux fragment-duration=500 name=m ! filesink location="$out" $sound ! $aac ! m.
  ;;
anamorphic) # 192 x 144 stored, 256 x 144 shown
  need x264enc h264parse mp4mux
  launch videotestsrc num-buffers=30 horizontal-speed=3 \
    ! video/x-raw,$size,framerate=30/1,format=I420,pixel-aspect-ratio=4/3 ! $h264 ! mp4mux ! filesink location="$out"
  ;;
mjpeg)
  need jpegenc jpegdec qtmux
  launch $video ! jpegenc ! qtmux name=m ! filesink location="$out" $sound ! audio/x-raw,format=S16LE ! m.
  ;;
two-tracks) # the second is a steady tone
  need $x264
  launch $video ! $h264 ! mp4mux name=m ! filesink location="$out" $sound ! $aac ! m. \
    audiotestsrc num-buffers=100 samplesperbuffer=441 ! audio/x-raw,rate=44100,channels=1 ! $aac ! m.
  ;;
mono)
  need $x264
  launch $video ! $h264 ! mp4mux name=m ! filesink location="$out" \
    $ticks ! $pcm,rate=44100,channels=1 ! audioconvert ! $aac ! m.
  ;;
surround)
  need x264enc h264parse flacenc matroskamux
  launch $video ! $h264 ! matroskamux name=m ! filesink location="$out" \
    $ticks ! $pcm,rate=48000,channels=6 ! flacenc ! m.
  ;;
wav-track) # 16 kHz, 16 bit: what the model hears is in the file bit for bit
  need x264enc h264parse matroskamux
  launch $video ! $h264 ! matroskamux name=m ! filesink location="$out" \
    audiotestsrc wave=ticks samplesperbuffer=320 num-buffers=100 volume=0.5 ! $pcm,rate=16000,channels=2 ! m.
  ;;
avi)
  need jpegenc jpegdec avimux
  launch $video ! jpegenc ! avimux name=m ! filesink location="$out" $sound ! audio/x-raw,format=S16LE ! m.
  ;;
hevc)
  need x265enc h265parse avdec_h265 mp4mux avenc_aac
  launch $video ! x265enc speed-preset=ultrafast key-int-max=15 ! h265parse ! mp4mux name=m \
    ! filesink location="$out" $sound ! $aac ! m.
  ;;
av1)
  need av1enc av1dec av1parse matroskamux opusenc
  launch videotestsrc num-buffers=20 horizontal-speed=3 ! video/x-raw,width=64,height=48,framerate=30/1,format=I420 \
    ! av1enc cpu-used=8 keyframe-max-dist=10 ! av1parse ! matroskamux name=m \
    ! filesink location="$out" $sound ! opusenc ! m.
  ;;
ogg)
  need theoraenc theoradec vorbisenc oggmux
  launch $video ! theoraenc keyframe-force=16 ! oggmux name=m ! filesink location="$out" $sound ! vorbisenc ! m.
  ;;
frames-png | frames-jpeg) # a folder: 10 pictures, a second each, with a sound file inside
  need pngenc pngdec jpegenc jpegdec wavenc
  mkdir -p "$out"
  enc=${kind#frames-}
  launch videotestsrc num-buffers=10 horizontal-speed=9 ! video/x-raw,$size,framerate=1/1 ! videoconvert ! ${enc}enc \
    ! multifilesink index=1 location="$out/%d.$enc"
  launch audiotestsrc wave=ticks num-buffers=500 samplesperbuffer=320 ! $pcm,rate=16000,channels=2 ! wavenc \
    ! filesink location="$out/audio.wav"
  ;;
short-sound) # 0.5 s of sound under 2 s of picture
  need $x264
  launch $video ! $h264 ! mp4mux name=m ! filesink location="$out" \
    audiotestsrc num-buffers=25 samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=2 ! $aac ! m.
  ;;
long) # a minute, for drift
  need $x264
  launch videotestsrc num-buffers=1800 horizontal-speed=3 ! video/x-raw,width=64,height=48,framerate=30000/1001,format=I420 \
    ! x264enc speed-preset=ultrafast ! h264parse ! mp4mux name=m ! filesink location="$out" \
    $ticks num-buffers=3000 ! $pcm,rate=44100,channels=2 ! audioconvert ! $aac ! m.
  ;;
long-gop)
  need $x264
  launch videotestsrc num-buffers=300 horizontal-speed=3 ! video/x-raw,$size,framerate=30/1,format=I420 \
    ! x264enc key-int-max=250 speed-preset=veryfast ! h264parse ! mp4mux name=m ! filesink location="$out" $sound ! $aac ! m.
  ;;
*)
  echo "make-clip.sh: no kind $kind" >&2
  exit 2
  ;;
esac
