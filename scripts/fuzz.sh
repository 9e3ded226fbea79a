#!/usr/bin/env bash
# Feeds noise to every decoder that faces a peer, until it is stopped or the time is over. What holds of each is in
# fuzz/src/decoders.rs; the same claims run on seeded mutations in scripts/test.sh (tests/it/decoders.rs).
#
#   scripts/fuzz.sh                  every decoder for a minute each
#   scripts/fuzz.sh gossip 3600      one of them, so many seconds
#   scripts/fuzz.sh check            only: do the targets build? (needs no fuzzer)
#
# Needs, besides what the node needs to be built:
#   rustup toolchain install nightly    the instrumentation is not stable
#   cargo install cargo-fuzz            a few minutes
#   a C++ compiler                      libFuzzer is compiled with the targets
# The first run compiles everything anew with it, into fuzz/target: half an hour on two cores, with up to 7 GB of memory.
# A run begins with fuzz/seeds/NAME, right bytes of each kind (MAINSPRING_WRITE_SEEDS=1 and the test of their name
# write them anew), and with what earlier runs found to be new: fuzz/corpus/NAME.
# A finding lies in fuzz/artifacts/NAME/; see it again with: cargo run --manifest-path fuzz/Cargo.toml --bin NAME FILE
set -euo pipefail
cd "$(dirname "$0")/.."
targets='request response gossip block body transaction address'
what=${1:-all}
seconds=${2:-60}

if [ "$what" = check ]; then
  # The versions that the node itself is built with.
  [ -e fuzz/Cargo.lock ] || cp Cargo.lock fuzz/Cargo.lock
  exec cargo check --manifest-path fuzz/Cargo.toml
fi
missing() { echo "$1 is missing: $2" >&2; exit 1; }
case " all $targets " in *" $what "*) ;; *) missing "target $what" "there are $targets" ;; esac
command -v cargo-fuzz >/dev/null || missing cargo-fuzz 'cargo install cargo-fuzz'
rustup toolchain list | grep -q nightly || missing 'a nightly toolchain' 'rustup toolchain install nightly'
command -v c++ >/dev/null || missing 'a C++ compiler' 'apt-get install g++, or what your system has'
[ -e fuzz/Cargo.lock ] || cp Cargo.lock fuzz/Cargo.lock
[ "$what" = all ] || targets=$what
for target in $targets; do
  printf '\n== %s, %s seconds\n' "$target" "$seconds"
  # Blocks are up to 10 MiB, but what breaks a decoder is short.
  mkdir -p "fuzz/corpus/$target"
  cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=1024
done
