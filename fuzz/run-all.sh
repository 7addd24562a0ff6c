#!/usr/bin/env bash
# Runs every fuzz target for SECONDS each, with small and with large inputs in turn, and prints the table of `README.md`:
# executions, edges and features that the corpus covers, and what was found. Finds are left in `fuzz/artifacts`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:?usage: fuzz/run-all.sh SECONDS [TARGET…]}
shift
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo fuzz list)

# One run; prints executions, edges, features, and the result.
run() {
    local target=$1 length=$2 time=$3 log code=0
    log=$(mktemp)
    fuzz/seed.sh "$target"
    cargo fuzz run -s none "$target" "fuzz/corpus/$target" -- \
        -max_total_time="$time" -max_len="$length" -len_control=0 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        >"$log" 2>&1 || code=$?
    awk -v code="$code" '
        / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1) } }
        /number_of_executed_units/ { executions = $2 }
        END { print executions + 0, edges + 0, features + 0, (code == 0 ? "none" : "exit code " code) }' "$log"
    [ "$code" -eq 0 ] || tail -n 30 "$log" >&2
    rm -f "$log"
}

# Built first, so that no run loses its time to the compiler.
for target in "${targets[@]}"; do
    cargo fuzz build -s none "$target" >/dev/null 2>&1 || { echo "$target does not build" >&2; exit 1; }
done

failed=0
echo "| target | seconds | executions | edges | features | found |"
echo "|---|---|---|---|---|---|"
for target in "${targets[@]}"; do
    read -r small _ _ found < <(run "$target" 256 $(((seconds + 1) / 2)))
    read -r large edges features more < <(run "$target" 65536 $(((seconds + 1) / 2)))
    [ "$found" = none ] && found=$more
    [ "$found" = none ] || failed=1
    echo "| \`$target\` | $seconds | $((small + large)) | $edges | $features | $found |"
done
exit "$failed"
