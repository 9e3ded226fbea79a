#!/usr/bin/env bash
# Everything that must hold before a change lands: format, lints, Rust tests, Solidity tests, end-to-end tests with the
# real tools. Installs what it needs from the npm registry. Needs Rust, a C compiler, perl, and npm.
#
#   scripts/test.sh             everything
#   scripts/test.sh rust        one part: lint, rust or solidity
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}

step() { printf '\n== %s\n' "$*"; }
wants() { [ "$part" = all ] || [ "$part" = "$1" ]; }

step 'tools'
PATH="$(scripts/setup-tools.sh):$PATH"
export PATH

if wants lint; then
  step 'format and lints'
  cargo fmt --check
  cargo clippy --locked --all-targets --features failpoints -- -D warnings
  if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; fi
fi

if wants solidity; then
  step 'Solidity: artifacts, tests, gas, mutations'
  scripts/build-contracts.mjs --check
  forge test
  forge fmt --check
  forge snapshot --match-contract GasTest --check
  npm run --silent coverage
  scripts/mutate.mjs
fi

if wants rust; then
  step 'Rust tests'
  if command -v cargo-nextest >/dev/null; then
    cargo nextest run --locked --features failpoints --no-fail-fast
  else
    cargo test --locked --features failpoints --lib --bins --tests
  fi
  cargo test --locked --features failpoints --doc
fi
