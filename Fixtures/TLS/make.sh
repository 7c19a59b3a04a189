#!/usr/bin/env bash
# Makes the certificates of the tests: two servers, each its own authority, for a hundred years; a key that
# is encrypted; nobody else may trust them.
set -euo pipefail
cd "$(dirname "$0")"
for name in first second; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
    -subj "/CN=$name.example" -addext "subjectAltName=DNS:$name.example,DNS:*.$name.example" \
    -keyout "$name.key" -out "$name.pem"
done
openssl pkey -in first.key -aes256 -passout pass:secret -out encrypted.key
