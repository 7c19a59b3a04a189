#!/usr/bin/env bash
# Builds moq-egress and runs its demo: a publisher of Fixtures/Media and the service in front of it.
# Arguments are passed on; see `moq-egress demo --help`.
set -euo pipefail
cd "$(dirname "$0")/.."
Config/install-dependencies.sh
swift build -c release --product moq-egress
exec .build/release/moq-egress demo "$@"
