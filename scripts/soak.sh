#!/usr/bin/env bash
# The long forms of what scripts/test.sh runs in short: hours, not minutes. Optimized build.
#
#   scripts/soak.sh                    everything
#   scripts/soak.sh crash              one part: crash, property, network, sends, memory or solidity
#
#   MAINSPRING_CRASH_ROUNDS=200        kill -9 under load, so many times
#   MAINSPRING_CRASH_SEED=N            other moments
#   MAINSPRING_SEEDS=2000              random sequences in the property tests
#   MAINSPRING_NETWORK_SEEDS=500       simulated networks of each kind: signers, miners
#   MAINSPRING_JOINS=20                so often nodes join, leave and die under load
#   MAINSPRING_SENDS=10000             sends from eight clients through one account
#   MAINSPRING_BLOCKS=100000           length of the chain whose memory and speed are measured
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}

step() { printf '\n== %s\n' "$*"; }
wants() { [ "$part" = all ] || [ "$part" = "$1" ]; }
tests() { cargo test --release --locked --features failpoints "$@"; }

step 'tools'
PATH="$(scripts/setup-tools.sh):$PATH"
export PATH MAINSPRING_SOAK=1
export MAINSPRING_CRASH_ROUNDS=${MAINSPRING_CRASH_ROUNDS:-200}
export MAINSPRING_SEEDS=${MAINSPRING_SEEDS:-2000}
export MAINSPRING_NETWORK_SEEDS=${MAINSPRING_NETWORK_SEEDS:-500}
export MAINSPRING_JOINS=${MAINSPRING_JOINS:-20}
export MAINSPRING_SENDS=${MAINSPRING_SENDS:-10000}
export MAINSPRING_BLOCKS=${MAINSPRING_BLOCKS:-100000}

if wants crash; then
  step "kill -9 under load, $MAINSPRING_CRASH_ROUNDS rounds; every start under a second"
  tests --test e2e -- --nocapture --test-threads 1 crash::
fi

if wants property; then
  step "random sequences against a model, $MAINSPRING_SEEDS seeds"
  tests --test it -- --nocapture --skip simulation::
  tests --lib -- --nocapture pool::model_tests::
fi

if wants network; then
  step "simulated networks of signers and of miners, $MAINSPRING_NETWORK_SEEDS seeds of each"
  tests --test it -- --nocapture simulation::
  step "nodes join, leave and die under load, $MAINSPRING_JOINS rounds"
  tests --test e2e -- --nocapture elastic::
fi

if wants sends; then
  step "what answers say agrees, $MAINSPRING_SENDS sends from eight clients"
  tests --test e2e -- --nocapture concurrent_sends::
fi

if wants memory; then
  step "speed, memory and start time over $MAINSPRING_BLOCKS blocks"
  tests --test e2e -- --nocapture soak::
fi

if wants solidity; then
  step 'Solidity: long fuzz and invariant runs'
  FOUNDRY_PROFILE=soak forge test
fi
