#!/usr/bin/env bash
# Holds the sources to the rules that neither the compiler nor the formatter knows. Every violation is
# a line of its own; the exit code is 1 when there are any.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
# Prints the lines of standard input under a rule's name.
report() {
  local line
  while IFS= read -r line; do
    echo "style: $1: $line"
    failed=1
  done
}

tracked() { git ls-files --cached --others --exclude-standard -- "$@"; }

# Protocol cores know neither the system nor Foundation; catalogs alone take JSON from
# FoundationEssentials.
for module in Wire CMAF MoQ HTTP QUIC WebTransport Remux Packaging Manifests; do
  report "$module is a core and may not import this" < <(
    grep -rnE '^\s*(@[A-Za-z_]+ )*((package|internal|private|fileprivate|public) )?import (LinuxIO|CLinux|Glibc|Musl|Foundation|FoundationEssentials|FoundationNetworking|Dispatch|Logging|Synchronization)\b' \
      "Sources/$module" --include '*.swift' |
      grep -vE '^Sources/MoQ/Catalog/[A-Za-z+]+\.swift:[0-9]+:.*import FoundationEssentials' || true
  )
done
report "only the command line may import all of Foundation" < <(
  grep -rnE 'import Foundation\b' Sources --include '*.swift' |
    grep -vE '^Sources/moq-egress/' || true
)
report "the checker shares no code with what it judges" < <(
  grep -rnE '^\s*(@[A-Za-z_]+ )*((package|internal|private|fileprivate|public) )?import (Manifests|Packaging|CMAF|HTTP|MoQ|Remux|Egress)\b' \
    Sources/Conformance Sources/TLS --include '*.swift' || true
)
# The doors to C.
report "only the module that wraps it may import this C module" < <(
  grep -rnE 'import C(Linux|Ngtcp2|Nghttp3|OpenSSL|LibXML2|Zlib)\b' Sources --include '*.swift' |
    grep -vE '^Sources/LinuxIO/.*CLinux|^Sources/QUIC/.*CNgtcp2|^Sources/WebTransport/FieldCoder.swift:.*CNghttp3|^Sources/(Digest|TLS)/.*COpenSSL|^Sources/XML/.*CLibXML2|^Sources/Compression/.*CZlib' || true
)
report "an unsafe construct outside the modules that touch C or the kernel" < <(
  grep -rnw unsafe Sources Tests --include '*.swift' |
    grep -vE '^Sources/(QUIC|LinuxIO|Digest|TLS|Compression|XML)/|^Sources/WebTransport/FieldCoder\.swift:|^Tests/Fuzz/' || true
)
report "no checks may be switched off" < <(
  grep -rnE '@unchecked Sendable|nonisolated\(unsafe\)|unownedExecutor|try!|as!|fatalError\(' Sources \
    --include '*.swift' || true
)
report "a file longer than 600 lines must be split" < <(
  find Sources -name '*.swift' -o -name '*.c' -o -name '*.h' | xargs wc -l |
    awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }'
)
report "no note to come back" < <(
  tracked | grep -vE '^(Fixtures/|Config/check-style\.sh$)' | tr '\n' '\0' |
    xargs -0 grep -nIE '\b(TODO|FIXME|XXX|HACK)\b' || true
)
report "a path of one machine" < <(
  tracked | grep -vE '^(Fixtures/Corpus/|Config/check-style\.sh$)' | tr '\n' '\0' |
    xargs -0 grep -nIE '(^|[^A-Za-z0-9_.$}-])/(work|root|home|tmp/w)/' || true
)
report "not an entry of the repository's top level" < <(
  tracked | cut -d/ -f1 | sort -u |
    grep -vxE 'Package\.swift|Sources|Tests|Fixtures|Config|README\.md|\..+' || true
)
exit "$failed"
