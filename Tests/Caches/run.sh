#!/usr/bin/env bash
# Plays through nginx and Varnish with the recipes of Config/, and counts origin requests; see run.py --help.
# A cache that is not installed is left out, and said so loudly.
set -euo pipefail
cd "$(dirname "$0")/../.."

PATH=$PATH:/usr/sbin exec python3 Tests/Caches/run.py "$@"
