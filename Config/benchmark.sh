#!/bin/sh
# Measures moq-egress: beside nginx (Debian's package), or under many blocking LL-HLS clients.
#
#   Config/benchmark.sh compare [BENCHMARK…] [OPTION…]
#   Config/benchmark.sh [SECONDS [CLIENTS [OPTION…]]]
#
# `compare` runs Tests/Benchmarks/run.py, whose benchmarks are playlists, segments, release, viewers,
# stream and ingest (all): answers for each CPU second of the server, in turn with an nginx of one worker
# that keeps the same files open; how soon waiting requests are answered after the media's last datagram:
# 1, 1,000 and 10,000 for one part, 1,000 spread over 16 renditions, and one beside 999 for what does not
# come; memory of a viewer and of a broadcast; CPU for each GB received, with --python
# PROGRAM (one that has aiomoqt) beside its subscriber. One thread serves (releases also with two); its
# CPU alone is counted, as packaging goes on beside it. CPU seconds hold on a busy machine, unless what keeps
# it busy shares its cores; latencies do not.
# `compare endurance` takes an hour (--minutes): memory while 2,000 viewers come, break off and come again.
#
# Without `compare`:
#
# Builds the service and its load client for release, runs `moq-egress demo` on a port that the kernel
# picks, lets CLIENTS (2000) players follow all renditions for SECONDS (120), and prints latencies,
# errors, and what the server cost. OPTIONs go to the load client: --parts fetches each part,
# --hints holds each hinted part, --churn breaks off and returns at random. The load begins after WARMUP
# (130) seconds, when the window of media is full, so that memory that still grows is a leak.
#
# Latency counts from the moment at which the publisher sent the last frame of the newest part, so it
# contains QUIC, packaging, the wait for the other renditions' frames of the same time (at most a quarter
# of a part), rendering and HTTP. Publisher, server and clients share this machine's processors: compare
# figures of one machine, and look at the load average; `compare` also says before each benchmark how long
# a million additions of Python take, on one processor alone and on all at once.
#
# Exits 0 when no client saw an error or missed a part.
set -eu

if [ "${1:-}" = compare ]; then
  shift
  cd "$(dirname "$0")/.."
  swift build -c release --product moq-egress
  swift build -c release --product moq-egress-load
  exec python3 Tests/Benchmarks/run.py "$@" --programs "$(swift build -c release --show-bin-path)"
fi

seconds=${1:-120}
clients=${2:-2000}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] && shift
cd "$(dirname "$0")/.."

swift build -c release --product moq-egress
swift build -c release --product moq-egress-load
programs=$(swift build -c release --show-bin-path)

log=$(mktemp)
"$programs/moq-egress" demo --listen 127.0.0.1:0 >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT INT TERM

address=
for _ in $(seq 100); do
  address=$(sed -n 's|^listening on http://||p' "$log")
  [ -n "$address" ] && break
  kill -0 "$server" 2>/dev/null || { cat "$log" >&2; exit 1; }
  sleep 0.1
done
# Playlists exist once the publisher's first groups are packaged.
ready=
for _ in $(seq 300); do
  if curl -sf -o /dev/null "http://$address/demo/index.m3u8"; then ready=yes && break; fi
  sleep 0.1
done
[ -n "$ready" ] || { echo "the demo is not ready after 30 s" >&2; cat "$log" >&2; exit 1; }
sleep "${WARMUP:-130}"

echo "load average before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) processors"
status=0
"$programs/moq-egress-load" --server "$address" --clients "$clients" --seconds "$seconds" \
  --pid "$server" "$@" || status=$?
echo "load average after: $(cut -d' ' -f1-3 /proc/loadavg)"
grep -v '^ \|^$\|^listening' "$log" | grep -i 'error\|warning' || true
exit "$status"
