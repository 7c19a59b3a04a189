#!/usr/bin/env bash
# What the service is put through by hostile clients, bad requests, TLS scanners and its operators; see
# run.py --help. nginx is asked about the same requests where it is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

PATH=$PATH:/usr/sbin exec python3 Tests/Hardening/run.py "$@"
