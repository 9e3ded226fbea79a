#!/usr/bin/env bash
# How fast is this node beside anvil, on this machine, in one run? Prints a table of medians and ratios.
#
#   scripts/bench.sh                 every part (about 20 minutes on two cores)
#   scripts/bench.sh throughput      one part: throughput, reads, logs, long, start, snapshots, trie, work, import, sync or trace
#
# Transfers and ERC-20 transfers: 40,000 transactions signed beforehand, 8 connections, 20 senders, a fresh recipient
# each; the clock stops when the last is mined. COUNT and RUNS change the size and the number of runs, LIMIT the seconds
# after which a run that is not done counts as not done (anvil's default stalls on this load).
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}
count=${COUNT:-40000}
runs=${RUNS:-3}
work=$(mktemp -d)
node_pid=
others=()
stop_others() { for pid in "${others[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done; others=(); }
cleanup() { stop; stop_others; rm -rf "$work"; }
trap cleanup EXIT

wants() { [ "$part" = all ] || [ "$part" = "$1" ]; }
say() { printf '%s\n' "$*"; }

PATH="$(scripts/setup-tools.sh):$PATH"
# One build for both, so that the dependencies are built once.
cargo build --release --locked --quiet --bins --benches
load=$(find target/release/deps -maxdepth 1 -name 'load-*' -perm -u+x -type f -printf '%T@ %p\n' | sort -rn | head -1 | cut -d' ' -f2)

# start NAME COMMAND...: starts a node, silent, and waits until its port answers.
url=127.0.0.1:18545
start() {
  local log=$work/$1.log
  shift
  if (: </dev/tcp/127.0.0.1/18545) 2>/dev/null; then say "something listens on $url already" >&2; exit 1; fi
  "$@" --port 18545 --silent >"$log" 2>&1 &
  node_pid=$!
  until (: </dev/tcp/127.0.0.1/18545) 2>/dev/null; do
    kill -0 "$node_pid" 2>/dev/null || { cat "$log"; exit 1; }
    read -r -t 0.005 _ <> <(:) || true
  done
}
stop() { if [ -n "$node_pid" ]; then kill "$node_pid" 2>/dev/null || true; wait "$node_pid" 2>/dev/null || true; node_pid=; fi; }
rpc() { curl -s -H 'content-type: application/json' -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":${2:-[]}}" "http://$url"; }
memory() { awk '/RssAnon|VmRSS/ {printf "%s %d MB  ", $1, $2/1024}' "/proc/$node_pid/status"; }
rate() { "$load" --url "$url" --limit "${LIMIT:-60}" --connections 8 --senders 20 "$@" | tee -a "$work/raw.jsonl" | sed -n 's/.*"per_second":\([0-9.]*\).*/\1/p'; }
median() { sort -n | awk '{v[NR]=$1} END {print NR ? v[int((NR+1)/2)] : "-"}'; }

# What a user gets on disk, durable: the default.
durable() { rm -rf "$work/data"; start "$1" target/release/mainspring dev --datadir "$work/data" --accounts 20 "${@:2}"; }

theirs() { start anvil anvil --accounts 20 "$@"; }

throughput() {
  say "== throughput: transactions per second, median of $runs runs of $count"
  printf '%-44s %10s %10s\n' setting transfer erc20
  local name kind value line
  measure() { # NAME BATCH STARTER...
    line=
    for kind in transfer erc20; do
      value=$(for _ in $(seq "$runs"); do "${@:3}" >/dev/null; rate --count "$count" --kind "$kind" --batch "$2"; stop; done | median)
      line+=$(printf ' %10s' "$value")
    done
    printf '%-44s%s\n' "$1" "$line"
  }
  measure 'mainspring, default' 1 durable ours
  measure 'mainspring, --async-automine' 1 durable ours --async-automine
  measure 'mainspring, --async-automine, batches of 100' 100 durable ours --async-automine
  measure 'anvil, default' 1 theirs
  measure 'anvil, --block-time 1 --max-transactions 50000' 1 theirs --block-time 1 --max-transactions 50000 --gas-limit 3000000000
  measure 'anvil, the same, batches of 100' 100 theirs --block-time 1 --max-transactions 50000 --gas-limit 3000000000
}

# beside PORT COMMAND...: starts another process beside the node and waits until its port answers.
beside() {
  local port=$1
  shift
  "$@" >"$work/$port.log" 2>&1 &
  others+=("$!")
  until (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "${others[-1]}" 2>/dev/null || { cat "$work/$port.log"; exit 1; }
    read -r -t 0.005 _ <> <(:) || true
  done
}
# names [THIRD]: writes who listens where into the lines of the load generator.
names() { sed "s/127.0.0.1:18545/mainspring/; s/127.0.0.1:18546/anvil/; s/127.0.0.1:18547/${1:-jsonrpsee alone}/; s/127.0.0.1:18548/mainspring --ephemeral/"; }

reads() {
  say '== reads: answers per second on 8 connections, median of 25 turns of half a second, and the ratio turn by turn'
  durable ours
  beside 18546 anvil --port 18546 --silent
  beside 18547 "$load" --kind bare --url 127.0.0.1:18547
  "$load" --kind reads --connections 8 --url "$url,127.0.0.1:18546,127.0.0.1:18547" | names
  stop
  stop_others
}

logs() {
  # Making so many blocks takes anvil long, and much longer if it keeps their states.
  say "== eth_getLogs of an address with 10 events over ${LOG_BLOCKS:-100000} blocks: milliseconds, median of 25"
  durable ours
  beside 18546 anvil --port 18546 --silent --prune-history
  "$load" --kind logs --count "${LOG_BLOCKS:-100000}" --url "$url,127.0.0.1:18546" | names
  stop
  stop_others
}

# One transfer a block, until block 100,000: speed and memory must not change.
long() {
  say '== automine, one block a transaction, one connection: blocks per second and memory at heights'
  durable ours
  local from=0 height
  for height in 100 1000 10000 11000 100000 101000; do
    value=$("$load" --url "$url" --connections 1 --senders 1 --count $((height - from)) | sed -n 's/.*"per_second":\([0-9.]*\).*/\1/p')
    printf 'mainspring  to %7d  %8s/s  %s\n' "$height" "$value" "$(memory)"
    from=$height
  done
  stop
  theirs
  from=0
  for height in 100 1500 2500; do
    value=$("$load" --url "$url" --connections 1 --senders 1 --limit 600 --count $((height - from)) | sed -n 's/.*"per_second":\([0-9.]*\).*/\1/p')
    printf 'anvil       to %7d  %8s/s  %s\n' "$height" "$value" "$(memory)"
    from=$height
  done
  stop
}

# From exec to `Listening`, on the chain that is there.
starting() {
  say '== start: milliseconds from exec to Listening'
  local began
  for blocks in 100 10000 100000; do
    rm -rf "$work/data"
    start ours target/release/mainspring dev --datadir "$work/data"
    rpc anvil_mine "[\"$(printf '0x%x' "$blocks")\"]" >/dev/null
    kill -9 "$node_pid"; wait "$node_pid" 2>/dev/null || true; node_pid=
    began=$(date +%s%N)
    start ours target/release/mainspring dev --datadir "$work/data"
    printf 'mainspring at block %7d after kill -9: %6d ms\n' "$blocks" $((($(date +%s%N) - began) / 1000000))
    stop
  done
  began=$(date +%s%N)
  theirs
  printf 'anvil, empty: %6d ms\n' $((($(date +%s%N) - began) / 1000000))
  stop
}

# Snapshot and revert on a state of 100,000 accounts, memory of 1,000 snapshots, and 200 tests that begin with loadFixture,
# beside anvil and the node of Hardhat 3. What neither of them writes to the disk --ephemeral does not write either.
snapshots() {
  local accounts=${ACCOUNTS:-100000} project=$work/project nodes
  mkdir -p "$project/home" "$project/contracts"
  ln -sfn "$PWD/.tools/hardhat3/node_modules" "$project/node_modules"
  cp tests/e2e/hardhat3/package.json tests/e2e/hardhat3/tsconfig.json benches/fixtures/*.ts "$project"
  cp contracts/Main.sol tests/e2e/hardhat3/contracts/*.sol "$project/contracts"
  nodes="mainspring=http://$url,ephemeral=http://127.0.0.1:18548,anvil=http://127.0.0.1:18546,hardhat=http://127.0.0.1:18547"
  local hardhat=(env -C "$project" "HOME=$project/home" CI=1 NO_COLOR=1 "NODES=$nodes" node node_modules/.bin/hardhat)
  all_nodes() {
    durable ours
    beside 18546 anvil --port 18546 --silent
    beside 18547 "${hardhat[@]}" node --port 18547
    beside 18548 target/release/mainspring dev --ephemeral --port 18548 --silent
  }
  fixtures() { "${hardhat[@]}" run --no-compile fixtures.ts; }
  "${hardhat[@]}" build --quiet >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }

  say '== 200 tests that begin with loadFixture, all nodes in turns: milliseconds, all included'
  all_nodes
  fixtures
  say "== the same over $accounts accounts (anvil takes minutes)"
  "$load" --kind accounts --count "$accounts" --url "$url,127.0.0.1:18546,127.0.0.1:18547,127.0.0.1:18548"
  fixtures
  stop
  stop_others
  say "== snapshot and revert over $accounts accounts, all nodes in turns: milliseconds, median of 25"
  all_nodes
  "$load" --kind snapshots --count "$accounts" --url "$url,127.0.0.1:18548,127.0.0.1:18546,127.0.0.1:18547" | names 'hardhat node'
  say '== 1,000 more snapshots, a block with one changed account between two: memory before and after'
  memory && say
  "$load" --kind many-snapshots --count 1000 --url "$url" | names
  memory && say
  stop
  stop_others
}

if wants throughput; then throughput; fi
if wants reads; then reads; fi
if wants logs; then logs; fi
if wants long; then long; fi
if wants start; then starting; fi
if wants snapshots; then snapshots; fi
if wants trie; then say '== state root: 10,000 changed of 1,000,000 accounts'; cargo bench --locked --bench trie; fi
if wants work; then say '== proof of work: nonces a second and thread'; cargo bench --locked --bench work; fi
if wants import; then
  say '== import beside its limits: senders recovered on all cores and raw revm; MDBX writing the same rows; raw revm'
  cargo bench --locked --quiet --bench import -- --kind transfers --blocks 2000 --per-block 500 --accounts 10000
  cargo bench --locked --quiet --bench import -- --kind storage --blocks 300 --per-block 30 --accounts 100
  cargo bench --locked --quiet --bench import -- --kind compute --blocks 20 --per-block 50 --accounts 100
fi
if wants sync; then
  say '== a fresh worker joins a chain of 20,000 blocks of proof of authority, beside mainspring import of the same blocks'
  say '   median of 3 turns; the worker and the peer that serves it share the cores, import has them alone'
  for per_block in 5 50; do
    cargo bench --locked --quiet --bench import -- --kind sync --blocks "${SYNC_BLOCKS:-20000}" --per-block "$per_block" --accounts 1000 --turns 3
  done
fi
if wants trace; then
  say '== tracing a block of 1,000 transactions beside its plain execution'
  cargo bench --locked --quiet --bench import -- --kind trace --per-block 1000 --accounts 2000
fi
