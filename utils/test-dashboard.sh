#!/usr/bin/env bash
# The dashboard, tested: its rules, the page in Chromium against a made-up cluster, and against three real nodes (the
# server has to be built). Installs Chromium and what dashboard/package-lock.json names when they are not there; ends with
# 77 when those cannot be fetched from here. Screenshots stay in dashboard/shots. Usage: utils/test-dashboard.sh
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
UNREACHABLE=77
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cd "$top/dashboard" || exit 1

"$top/deps/install.sh" --browser || exit $UNREACHABLE
if ! { [ -d node_modules ] || npm ci --ignore-scripts >"$log" 2>&1; }; then
    tail -20 "$log"
    npm ping >/dev/null 2>&1 || exit $UNREACHABLE
    exit 1
fi
status=0
NO_COLOR=1 npm test 2>&1 | tee "$log"
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1
passed=$(sed -n 's/^ *Tests .* \([0-9]*\) passed.*/\1/p' "$log")
failed=$(sed -n 's/^ *Tests .* \([0-9]*\) failed.*/\1/p' "$log")
echo "${passed:-0} passed, ${failed:-$status} failed"
for test in browser real; do
    npm run -s "test:$test" || status=1
done
exit $status
