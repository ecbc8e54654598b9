#!/usr/bin/env bash
# Installs what the tests need, builds, and runs them: what CI runs. Usage: utils/test.sh
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)

"$top/deps/install.sh" --test
"$top/utils/build.sh"
cd "$top/build"
if ! make check -j"$(nproc)" >check.log 2>&1; then
    for log in $(grep -l '^:test-result: *\(FAIL\|ERROR\)' $(find . -name '*.trs') 2>/dev/null); do
        echo "=== ${log%.trs}"
        tail -60 "${log%.trs}.log"
    done
    tail -30 check.log
    echo "utils/test.sh: make check failed (build/check.log)" >&2
    status=1
fi
passed=$(grep -c '^PASS: ' check.log || true)
failed=$(grep -cE '^(FAIL|ERROR|XPASS): ' check.log || true)
echo "$passed passed, $failed failed"
[ "${status:-0}" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
