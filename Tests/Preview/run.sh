#!/usr/bin/env bash
# Opens the preview page in Chromium and watches it play; see run.py --help.
# Without Chromium it says so loudly and succeeds, as nothing was found to be wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then
  echo "=================================================================="
  echo "preview: SKIPPED: chromium is not installed"
  echo "=================================================================="
  exit 0
fi
exec python3 Tests/Preview/run.py "$@"
