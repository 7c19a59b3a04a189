#!/usr/bin/env bash
# Lets `moq-egress check` judge what the service makes of broadcasts of many shapes; see run.py --help.
# What needs aiomoqt is left out, and said, where Tests/Peers has not installed it.
set -euo pipefail
cd "$(dirname "$0")/../.."

peers=.build/peers-venv/bin/python
if [ -x $peers ]; then
  exec $peers Tests/Check/run.py "$@"
fi
exec python3 Tests/Check/run.py --without-peers "$@"
