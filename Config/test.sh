#!/usr/bin/env bash
# Everything that must hold before a change lands: format, style, build, tests, real peers, codecs, the
# checker, players, the preview page, caches, hostile clients, fuzzing, sanitizers. --quick leaves out the last nine.
# All steps run even when one fails; the last line counts the tests of every step, a step without tests as one.
set -uo pipefail
cd "$(dirname "$0")/.."

is_quick=false
case ${1:-} in
  '') ;;
  --quick) is_quick=true ;;
  *)
    echo "usage: $0 [--quick]" >&2
    exit 64
    ;;
esac

passed=0 failed=0
failures=()
results=.build/test-results
mkdir -p "$results"

# Runs a step that counts as one test.
step() { # NAME COMMAND...
  local name=$1 started=$SECONDS
  shift
  echo "==> $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    failures+=("$name")
  fi
  echo "    $name took $((SECONDS - started)) s"
}

# Runs `swift test` and counts what its report says. One report is of XCTest, which has no tests here.
swift_tests() { # NAME ARGUMENTS...
  local name=$1 started=$SECONDS report counts status=0
  shift
  report=$results/${name// /-}
  rm -f "$report"*.xml
  echo "==> $name"
  swift test "$@" --xunit-output "$report.xml" | tee "$report.log" || status=$?
  # The report counts issues as failures, of which a test can have many: count the tests that have any.
  counts=$(cat "$report"*.xml 2>/dev/null | awk '
    /<testcase / { total += 1; open = 1 }
    /<(failure|error)[ >]/ { if (open) bad += 1; open = 0 }
    END { print total + 0, bad + 0 }')
  local total=${counts% *} bad=${counts#* }
  # A run that broke off, or that found nothing to run, has failed whatever it counted.
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] || [ "$total" -eq 0 ]; then bad=$((bad + 1)) total=$((total + 1)); fi
  passed=$((passed + total - bad))
  failed=$((failed + bad))
  [ "$bad" -eq 0 ] || failures+=("$name")
  echo "    $name took $((SECONDS - started)) s"
}

# Runs scripts that count their own cases, and say so in their last lines: `begin` any number of them side
# by side, then `finish` waits for all.
begun=()
begin() { # NAME COMMAND...
  local name=$1
  shift
  "$@" >"$results/${name// /-}.log" 2>&1 &
  begun+=("$!:$SECONDS:$name")
}

finish() {
  local entry pid started name status counts log
  for entry in "${begun[@]}"; do
    IFS=: read -r pid started name <<<"$entry"
    status=0
    wait "$pid" || status=$?
    log=$results/${name// /-}.log
    echo "==> $name"
    cat "$log"
    counts=$(sed -nE 's/^[a-z]+: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log" | tail -1)
    if [ -n "$counts" ]; then
      passed=$((passed + ${counts% *}))
      failed=$((failed + ${counts#* }))
    elif [ "$status" -ne 0 ]; then
      failed=$((failed + 1))
    fi
    [ "$status" -eq 0 ] || failures+=("$name")
    echo "    $name took $((SECONDS - started)) s"
  done
  begun=()
}

script() { # NAME COMMAND...
  begin "$@"
  finish
}

build_fuzzers() {
  FUZZ=1 swift build --disable-index-store --sanitize fuzzer --product Fuzz --scratch-path .build-fuzz
}

address_options=(--sanitize address --scratch-path .build-asan)
address_modules=QUICTests,WebTransportTests
thread_options=(--sanitize thread --scratch-path .build-tsan)
thread_modules=LinuxIOTests,IntegrationTests

# What the last steps need, built in the time that those before leave a CPU idle. Those steps build again what
# this has not, and report what fails.
build_ahead() {
  chrt --idle --pid 0 "$BASHPID"
  build_fuzzers
  TESTS=$address_modules swift build --build-tests "${address_options[@]}"
  TESTS=$thread_modules swift build --build-tests "${thread_options[@]}"
}

# A few seconds of each target, as many at a time as there are CPUs: enough to find what a change broke outright.
fuzz() {
  local corpus=.build-fuzz/corpus
  build_fuzzers || return 1
  python3 Tests/Fuzz/seeds.py "$corpus" || return 1
  export -f fuzz_target
  printf '%s\n' "$corpus"/*/ | xargs -P "$(nproc)" -I{} bash -c 'fuzz_target "$@"' fuzz {} "$results"
}

fuzz_target() { # CORPUS RESULTS
  local target log
  target=$(basename "$1")
  log=$2/fuzz-$target.log
  TARGET=$target SWIFT_BACKTRACE=enable=no .build-fuzz/debug/Fuzz -max_total_time=2 -timeout=10 \
    -rss_limit_mb=1024 -verbosity=0 -artifact_prefix=".build-fuzz/crash-$target-" "$1" >"$log" 2>&1 && return
  echo "fuzz: $target broke; the input is .build-fuzz/crash-$target-*"
  tail -20 "$log"
  return 1
}

Config/install-dependencies.sh --test || exit
# The DASH schema is not ours to distribute; where a copy is at hand, manifests are validated by it.
schema=../shared/dash-schema
if [ -z "${DASH_SCHEMA:-}" ] && [ -f "$schema/DASH-MPD.xsd" ]; then
  DASH_SCHEMA=$(realpath "$schema")
  export DASH_SCHEMA
fi

step "format" swift format lint --strict -r Sources Tests Package.swift
step "style" Config/check-style.sh
step "build" swift build --build-tests
if [ "$failed" -gt 0 ] && [ ! -x .build/debug/moq-egress ]; then
  echo "nothing can be tested"
else
  swift_tests "tests" --skip-build
  if ! $is_quick; then
    # A process group of its own, which ends with this script.
    set -m
    build_ahead >"$results/ahead.log" 2>&1 &
    ahead=$!
    set +m
    trap 'kill -- "-$ahead"' EXIT
    # What waits for clocks more than it works goes side by side; players complain where they wait for a CPU.
    script "real peers" Tests/Peers/run.sh --seconds 10 --keep --parallel 5
    begin "codecs" Tests/Codecs/run.sh
    begin "check" Tests/Check/run.sh
    finish
    script "players" Tests/Players/run.sh --parallel 3
    begin "preview" Tests/Preview/run.sh
    begin "caches" Tests/Caches/run.sh
    finish
    begin "hardening" Tests/Hardening/run.sh --parts requests,operations,encryption
    begin "attacks" Tests/Hardening/run.sh --parts attacks
    finish
    wait "$ahead"
    trap - EXIT
    step "fuzzing" fuzz
    # XCTest leaks what it runs, and a connection whose assertion failed is left alone, not freed.
    echo leak:libXCTest >"$results/lsan.supp"
    LSAN_OPTIONS=suppressions=$results/lsan.supp:print_suppressions=0 \
      TESTS=$address_modules \
      swift_tests "address sanitizer" "${address_options[@]}" --skip 'assertion that fails'
    TESTS=$thread_modules swift_tests "thread sanitizer" "${thread_options[@]}"
  fi
fi

# What failed is said again at the end, where it is read first.
for name in "${failures[@]}"; do
  echo "failed: $name"
  log=$results/${name// /-}.log
  [ ! -f "$log" ] || grep -E 'FAIL|^✘' "$log" | cut -c1-2000
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
