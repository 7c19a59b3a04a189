#!/usr/bin/env bash
# Installs the Debian packages that building needs, and with --test those that the tests use as well.
# Only what is missing is installed; nothing is said when nothing is. Swift itself is not a package:
# see https://www.swift.org/install/linux/.
set -euo pipefail

packages=(
  libgnutls28-dev
  libnghttp3-dev
  libngtcp2-crypto-gnutls-dev
  libngtcp2-dev
  libssl-dev
  libxml2-dev
  pkg-config
  zlib1g-dev
)
case ${1:-} in
  '') ;;
  --test)
    packages+=(
      curl
      ffmpeg
      gstreamer1.0-libav
      gstreamer1.0-plugins-bad
      gstreamer1.0-plugins-base
      gstreamer1.0-plugins-good
      gstreamer1.0-tools
      hitch
      libxml2-utils
      mpv
      nginx
      openssl
      python3
      python3-venv
      varnish
      vlc-bin
      vlc-plugin-base
    )
    ;;
  *)
    echo "usage: $0 [--test]" >&2
    exit 64
    ;;
esac

if ! command -v swift >/dev/null; then
  echo "Swift is not installed or not in PATH; version 6.2 or newer is needed:" >&2
  echo "https://www.swift.org/install/linux/" >&2
  exit 69
fi

is_installed() {
  # A package that another one replaces (pkgconf for pkg-config) counts as well.
  dpkg-query --show --showformat '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "These packages are missing, and there is no apt-get to install them: ${missing[*]}" >&2
  exit 69
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Installing needs root or sudo: apt-get install ${missing[*]}" >&2
    exit 77
  fi
  as_root=(sudo)
fi
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
# nginx, varnish and hitch would be started, and hold their ports: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
