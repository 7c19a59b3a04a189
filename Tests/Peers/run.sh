#!/usr/bin/env bash
# Plays broadcasts of independent MoQ implementations through moq-egress; see run.py --help.
# Needs a Python of at least 3.12 for aiomoqt; without one, or without its packages, it says so loudly
# and succeeds, as nothing was found to be wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=.build/peers-venv
packages="aiomoqt==0.13.3 moq-rs==0.5.1"

suitable() { "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }

skip() {
  echo "=================================================================="
  echo "peers: SKIPPED: $1"
  echo "=================================================================="
  exit 0
}

if ! "$environment/bin/python" -c 'import aiomoqt, moq' 2>/dev/null; then
  python=
  for candidate in python3.13 python3.12 python3 \
    "$HOME"/.pyenv/versions/3.1[23]*/bin/python3 /usr/local/bin/python3.1[23]; do
    if suitable "$candidate"; then
      python=$candidate
      break
    fi
  done
  [ -n "$python" ] || skip "no Python of at least 3.12 was found"
  rm -rf "$environment"
  "$python" -m venv "$environment" || skip "$python can't make an environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check $packages ||
    skip "$packages can't be installed"
fi
exec "$environment/bin/python" Tests/Peers/run.py "$@"
