#!/usr/bin/env bash
# Builds avow-server in build/ (or the folder given): autoreconf, configure, make, each only when
# needed. What is printed goes to build/build.log unless a step fails.
# Usage: utils/build.sh [--dir D] [configure arguments ...]
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$top/build
if [ "${1:-}" = --dir ]; then
    dir=$2
    shift 2
fi
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
log=$dir/build.log
: >"$log"

step() {
    if ! "$@" >>"$log" 2>&1; then
        tail -40 "$log" >&2
        echo "utils/build.sh: '$*' failed; the whole output is in $log" >&2
        exit 1
    fi
}

cd "$top"
[ -x configure ] && [ -f Makefile.in ] || step autoreconf --install
cd "$dir"
if [ ! -f Makefile ] || [ $# -gt 0 ]; then
    step "$top/configure" "$@"
fi
step make -j"$(nproc)"
