#!/usr/bin/env bash
# Sends what ffmpeg's encoders make through moq-egress and compares; see run.py --help.
# Without ffmpeg it says so loudly and succeeds, as nothing was found to be wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."

for program in ffmpeg ffprobe python3; do
  if ! command -v "$program" >/dev/null; then
    echo "=================================================================="
    echo "codecs: SKIPPED: $program is not installed"
    echo "=================================================================="
    exit 0
  fi
done
exec python3 Tests/Codecs/run.py "$@"
