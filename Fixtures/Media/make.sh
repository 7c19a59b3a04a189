#!/usr/bin/env bash
# Makes the demo's media: 16 s loops of one picture in three aligned H.264 renditions and of AAC audio.
# Needs ffmpeg with libx264 and drawtext. Every frame shows its number twice: as text for people, and
# for machines as 12 squares in the top left corner (least significant bit first, white is 1), after a
# white and a black square that tell that the squares are there.
# 16 s hold whole groups of 2 s and exactly 750 AAC frames, so that the loop has no seam.
set -euo pipefail
cd "$(dirname "$0")"

squares() { # the drawbox filters for a picture of width $1
  local size=$(($1 / 20)) filters bit
  filters="drawbox=x=0:y=0:w=$((size * 14)):h=$size:color=black:t=fill"
  filters+=",drawbox=x=0:y=0:w=$size:h=$size:color=white:t=fill"
  for bit in 0 1 2 3 4 5 6 7 8 9 10 11; do
    filters+=",drawbox=x=$((size * (bit + 2))):y=0:w=$size:h=$size:color=white:t=fill"
    filters+=":enable='mod(floor(n/$((1 << bit)))\\,2)'"
  done
  echo "$filters"
}

video() { # NAME WIDTH HEIGHT BITRATE
  ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=$2x$3:rate=25:duration=16" \
    -vf "$(squares "$2"),drawtext=text='%{frame_num} $1':x=w/20:y=h/4:fontsize=h/6:fontcolor=white:box=1:boxcolor=black@0.6" \
    -c:v libx264 -profile:v main -preset slow -bf 0 -g 50 -keyint_min 50 -sc_threshold 0 \
    -b:v "$4" -maxrate "$4" -bufsize "$4" -pix_fmt yuv420p -color_primaries bt709 \
    -color_trc bt709 -colorspace bt709 -flags +bitexact -fflags +bitexact -map_metadata -1 \
    -video_track_timescale 90000 -movflags +cmaf+frag_every_frame+delay_moov "$1.mp4"
}

video 720p 1280 720 800k
video 480p 854 480 400k
video 240p 426 240 150k
ffmpeg -nostdin -v error -y -f lavfi \
  -i "sine=frequency=440:beep_factor=2:sample_rate=48000:duration=17" -ac 2 -c:a aac -b:a 64k \
  -frames:a 750 -flags +bitexact -fflags +bitexact -map_metadata -1 \
  -movflags +cmaf+frag_every_frame+delay_moov audio.mp4
