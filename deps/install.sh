#!/usr/bin/env bash
# Installs what AvowDB is built and tested with: packages of the distribution, nothing else.
# Does nothing, quietly, when all are there.
# Usage: deps/install.sh [--test | --ship | --dashboard | --browser]
#   --test       what the tests of the server need, too
#   --ship       what packages and containers are made and tested with, too
#   --dashboard  only what the dashboard is built with
#   --browser    that, and the browser that it is tested in
set -euo pipefail

build="gcc make autoconf automake pkg-config libevent-dev libhiredis-dev libjson-c-dev librocksdb-dev libssl-dev
       libmpfr-dev libcmocka-dev libjemalloc-dev liblua5.1-0-dev redis-tools"
test_only="python3 python3-redis iproute2 tcl dpkg-dev mandoc bsdextrautils"
ship_only="debhelper debootstrap systemd iproute2 python3 podman podman-compose
           netavark aardvark-dns runc buildah prometheus python3-kubernetes python3-yaml"
node=""
command -v node >/dev/null && command -v npm >/dev/null || # from elsewhere, perhaps, which excludes the package
    node="nodejs npm"

case ${1:-} in
"") wanted=$build ;;
--test) wanted="$build $test_only $node" ;;
--ship) wanted="$build $test_only $ship_only" ;;
--dashboard) wanted=$node ;;
--browser) wanted="$node chromium" ;;
*)
    echo "deps/install.sh: unknown option '$1'" >&2
    exit 1
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "deps/install.sh: this is not Debian or a relative; install the equivalents of:" $wanted >&2
    exit 1
fi

missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep 'install ok installed' >/dev/null ||
        missing="$missing $package"
done
[ -z "$missing" ] && exit 0

sudo=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "deps/install.sh: run it as root, or install sudo; missing:$missing" >&2
        exit 1
    }
    sudo=sudo
fi

echo "deps/install.sh: installing$missing"
export DEBIAN_FRONTEND=noninteractive
output=$(mktemp)
trap 'rm -f "$output"' EXIT
if ! { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; } \
    >"$output" 2>&1 </dev/null; then
    tail -20 "$output" >&2
    echo "deps/install.sh: apt-get failed (above); missing:$missing" >&2
    exit 1
fi
echo "deps/install.sh: done"
