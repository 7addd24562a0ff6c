# The daily loop; `just` lists the recipes. Each is a plain command that can be pasted.

default:
    @just --list

# Format, lint and test what a change usually touches.
check:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo test --workspace

# One crate: `just test router`.
test crate:
    cargo test -p waylay-{{crate}}

# The shop with faults on 127.0.0.1:3000.
run *args:
    cargo run -- {{args}}

# API documentation with every feature.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# Ratios to the peers.
bench:
    cargo bench -p waylay-benches

# One fuzz target for a while: `just fuzz template 60`.
fuzz target seconds="10":
    cargo fuzz run -s none {{target}} -- -max_total_time={{seconds}}

# Every check, as CI runs it.
ci:
    .ci/run
