#!/usr/bin/env bash
# Makes the files here: a live MPD of FFmpeg 5.1.9 (Debian 12), stopped while it was dynamic.
set -euo pipefail
cd "$(dirname "$0")"
ffmpeg -hide_banner -loglevel error -y -re -f lavfi -i testsrc2=size=96x64:rate=25 \
  -re -f lavfi -i sine=frequency=440:sample_rate=48000 -pix_fmt yuv420p \
  -c:v libx264 -preset veryfast -crf 40 -bf 0 -g 25 -keyint_min 25 -sc_threshold 0 \
  -c:a aac -b:a 24k -f dash -ldash 1 -streaming 1 -use_template 1 -use_timeline 0 \
  -seg_duration 1 -frag_type duration -frag_duration 0.2 -target_latency 1 \
  -utc_timing_url https://time.akamai.com/?iso -write_prft 1 -window_size 3 -extra_window_size 1 \
  live.mpd &
sleep 5.5
kill -9 $!
