#!/usr/bin/env bash
# Time the README's first command, from an empty package cache to the login page, three times.
set -euo pipefail
cd "$(dirname "$0")/.."
readme_command=$(awk '/^```sh$/ { block++; next } block == 1 { print; exit }' README.md)

for round in 1 2 3; do
    folder=$(mktemp -d)
    git clone -q . "$folder/clone"
    begin=$(date +%s%N)
    (
        unset PYTHONDONTWRITEBYTECODE
        export UV_CACHE_DIR="$folder/uv" PIP_CACHE_DIR="$folder/pip" TMPDIR="$folder"
        cd "$folder/clone"
        exec setsid bash -c "$readme_command"
    ) >"$folder/log" 2>&1 </dev/null &
    server=$!
    until curl -fs -o "$folder/page" http://localhost:5000/; do
        kill -0 "$server" || { cat "$folder/log"; exit 1; }
        sleep 0.05
    done
    echo "$(((($(date +%s%N) - begin) / 1000000))) ms"
    kill -- "-$server"
    wait "$server" || true
    rm -r "$folder"
done
