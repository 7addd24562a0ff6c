#!/usr/bin/env bash
# Writes large seeds of a target to its corpus: of small inputs libFuzzer seldom makes a large one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${1:?usage: fuzz/seed.sh TARGET}
corpus=fuzz/corpus/$target
bytes=60000
mkdir -p "$corpus"

# A text until the seed is full.
repeated() {
    { printf '%s' "$2"; awk -v text="$3" -v most="$bytes" 'BEGIN { for (; length(out) < most; ) out = out text; printf "%s", out }'; } |
        head -c "$bytes" >"$corpus/large-$1" || true
}

# Any text, and any bytes.
head -c "$bytes" Cargo.lock >"$corpus/large-lines"
gzip -nc Cargo.lock | head -c "$bytes" >"$corpus/large-bytes" || true

case $target in
    template) repeated segments / 'a{b:[0-9]+}-c/' ;;
    rule) repeated conditions '' 'Path(`/a`) && !Query(`b`, `{c}`) || ' ;;
    redirect) repeated slashes / '/a/..;%2f' ;;
    query_extract) repeated pairs '' 'a[b]=c%20d&e=1,2&' ;;
    table_spec)
        repeated toml '' $'[[routes]]\nrule = \'Path(`/a/{b}`)\'\nhandler = \'c\'\n\n'
        repeated json '{"routes":[' '{"rule":"Path(`/a`) && Method(`GET`)","handler":"b"},'
        ;;
    request_head)
        repeated headers $'\x05\nGET\n/a/b?q=1\nh:a.example.com\n' $'x:aaab\nc:a=1; b=2\na:text/html;q=0.5, a/b\n'
        repeated query $'\x05\nGET\n/?' 'q=%41&r=ab&'
        ;;
    plan)
        repeated toml 'cc' $'[[fault]]\nname = "a"\nerror = 503\nparticipation = 1\n'
        repeated json 'aa' '{"name":"a","chain":['
        ;;
esac
