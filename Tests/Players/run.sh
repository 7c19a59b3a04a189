#!/usr/bin/env bash
# Plays the demo in ffmpeg, mpv, VLC and GStreamer and compares its HLS with its DASH; see run.py --help.
# Players that are not installed are left out, and said.
set -euo pipefail
cd "$(dirname "$0")/../.."

exec python3 Tests/Players/run.py "$@"
