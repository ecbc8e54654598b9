#!/usr/bin/env bash
# Builds the dashboard, dashboard/dist, when it is older than its sources; npm fetches what
# dashboard/package-lock.json names. Usage: utils/build-dashboard.sh
set -euo pipefail
cd "$(dirname "$0")/../dashboard"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fail() {
    tail -30 "$log" >&2
    echo "build-dashboard: $*" >&2
    exit 1
}
is_older() { # file or folder, sources...: it is missing, or a source is newer
    local made=$1
    shift
    [ ! -e "$made" ] || [ -n "$(find "$@" -newer "$made" -print -quit)" ]
}

is_older dist/index.html src public index.html package-lock.json vite.config.ts tsconfig.json || exit 0
command -v npm >/dev/null || fail "npm is not there: deps/install.sh --dashboard"
if is_older node_modules/.package-lock.json package-lock.json; then
    npm ci --ignore-scripts >"$log" 2>&1 || fail "npm ci failed (above)"
fi
npm run build >"$log" 2>&1 || fail "npm run build failed (above)"
echo "build-dashboard: built in dashboard/dist"
