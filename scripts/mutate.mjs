#!/usr/bin/env node
// Would the tests of Main notice if one of its rules were missing?
//
//   scripts/mutate.mjs               makes each edit below, one at a time, and wants `forge test` to fail
//   scripts/mutate.mjs --list        names the edits
//   scripts/mutate.mjs withdraw      only the edits of that function
//
// The edits are made in memory: each is compiled here and handed to the tests as runtime code (MAIN_CODE), so nothing on
// disk changes and the tests are compiled once. An edit that no longer fits the source, does not compile or changes no
// byte of code is a failure of this script. forge must be on the PATH: PATH="$(scripts/setup-tools.sh):$PATH".

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCE = readFileSync(join(ROOT, 'contracts', 'Main.sol'), 'utf8');
const ARTIFACT = JSON.parse(readFileSync(join(ROOT, 'contracts', 'artifacts', 'Main.json'), 'utf8'));
const AT_ONCE = 2;

const POOR = '"Sender does not have enough balance."';
const SENDER_PLACED = '"Sender has already placed an order for the sender."';
const SPENDER_PLACED = '"Spender has already placed an order for the sender."';

/** [function, what is found there exactly once, what takes its place (nothing: it is dropped), what that means] */
const EDITS = [
  // Who may call
  ['transfer', 'require(msg.sender == sender, "Caller is not the sender.");', '', 'anyone moves a balance'],
  ['confirmOrder', 'require(msg.sender == sender, "Caller is not the sender.");', '', 'anyone confirms'],
  ['transferFrom', 'require(msg.sender == spender, "Caller is not the spender.");', '', 'anyone collects'],
  ['cancelOrder', 'msg.sender == spender || (', '(', 'the seller cannot cancel'],
  ['cancelOrder', 'msg.sender == spender || (msg.sender == sender && ', '(', 'anyone cancels in the end'],
  ['cancelOrder', 'msg.sender == spender || (msg.sender == sender &&', 'true || (true &&', 'anyone cancels'],
  ['cancelOrder', ' && block.timestamp >= order.submittedAt + ORDER_LIFETIME', '', 'the buyer cancels at once'],
  ['cancelOrder', 'block.timestamp >= ', 'block.timestamp > ', 'the buyer waits a second more'],

  // The direct way
  ['transferFrom', 'require(locks[sender][spender].direct, "Sender has not authorized the spender.");', '', 'any lock is direct'],
  ['authorize', 'amount > 0);', 'false);', 'no lock is direct'],
  ['authorize', 'amount > 0);', 'true);', 'an empty lock is direct'],
  ['approve', 'amount, false);', 'amount, locks[msg.sender][spender].direct);', 'approve leaves a lock direct'],
  ['approve', 'amount, false);', 'amount, true);', 'approve makes a lock direct'],
  ['approve', 'require(!locks[msg.sender][spender].direct || openOrders[msg.sender][spender].amount == 0, "Order is open.");', '', 'approve under a direct order'],
  ['_settle', 'if (lock.amount == 0) lock.direct = false;', '', 'an emptied lock stays direct'],

  // What is free
  ['_free', ' - locked[party]', '', 'the locked part is free'],
  ['withdraw', '_free(msg.sender)', 'balances[msg.sender]', 'the locked part is withdrawn'],
  ['withdraw', `require(_free(msg.sender) >= amount, ${POOR});`, '', 'withdraw checks no balance'],
  ['transfer', '_free(sender)', 'balances[sender]', 'the locked part is moved'],
  ['transfer', `require(_free(sender) >= amount, ${POOR});`, '', 'transfer checks no balance'],
  ['_setLock', '_free(msg.sender) + before', 'balances[msg.sender]', 'the locked part is locked again'],
  ['_setLock', '_free(msg.sender) + before', '_free(msg.sender)', 'the old lock is not free'],
  ['_setLock', `require(_free(msg.sender) + before >= amount, ${POOR});`, '', 'a lock needs no balance'],
  ['submitOrder', `require(balances[sender] >= amount, ${POOR});`, '', 'an order checks no balance'],
  ['authorize', 'require(balances[spender] >= amount, "Spender does not have enough balance.");', '', 'a poor seller is authorized'],
  ['transferFrom', `require(balances[sender] >= amount, ${POOR});`, '', 'collecting checks no balance'],
  ['transferFrom', 'require(balances[spender] >= amount, "Spender does not have enough balance.");', '', 'a poor seller collects'],

  // The lock
  ['_setLock', 'locks[msg.sender][spender] = Lock({amount: amount, direct: direct});', '', 'the lock is not stored'],
  ['_setLock', 'locked[msg.sender] = locked[msg.sender] - before + amount;', '', 'the sum of locks does not follow'],
  ['_setLock', 'locked[msg.sender] - before', 'locked[msg.sender]', 'a lock is added, not set'],
  ['_setLock', '_approvedFor[spender] = _approvedFor[spender] - before + amount;', '', 'getApprovalFor does not follow'],
  ['_setLock', '_approvedFor[spender] - before', '_approvedFor[spender]', 'getApprovalFor adds, not sets'],
  ['_setLock', 'require(amount >= openOrders[msg.sender][spender].amount, "Amount is below the open order.");', '', 'a lock below its order'],
  ['_setLock', 'spender != msg.sender && ', '', 'a lock for oneself'],
  ['_setLock', 'spender != address(0) && ', '', 'a lock for nobody'],
  ['_setLock', ' && spender != address(this)', '', 'a lock for Main'],
  ['_settle', 'lock.amount -= amount;', '', 'a paid order leaves its lock'],
  ['_settle', 'locked[sender] -= amount;', '', 'a paid order stays locked'],
  ['_settle', '_approvedFor[spender] -= amount;', '', 'a paid order stays in getApprovalFor'],

  // The order
  ['submitOrder', 'require(locks[sender][msg.sender].amount >= amount, "Not authorized to place order.");', '', 'an order needs no lock'],
  ['submitOrder', 'locks[sender][msg.sender].amount >= amount', 'locked[sender] >= amount', "another seller's lock serves"],
  ['submitOrder', 'amount > 0 && ', '', 'an order of nothing'],
  ['submitOrder', 'amount > 0 && amount <= type(uint192).max', 'amount > 0', 'an order is cut to its slot'],
  ['submitOrder', `require(openOrders[sender][msg.sender].amount == 0, ${SENDER_PLACED});`, '', 'a second order'],
  ['submitOrder', `require(openOrders[msg.sender][sender].amount == 0, ${SPENDER_PLACED});`, '', 'an order in the other direction'],
  ['submitOrder', 'openOrders[sender][msg.sender] = Order({amount: uint192(amount), submittedAt: uint64(block.timestamp)});', '', 'the order is not stored'],
  ['submitOrder', 'submittedAt: uint64(block.timestamp)', 'submittedAt: 0', 'the order has no time'],
  ['submitOrder', 'orders[sender] += 1;', '', "the buyer's count does not rise"],
  ['submitOrder', 'orders[msg.sender] += 1;', '', "the seller's count does not rise"],
  ['_close', 'delete openOrders[sender][spender];', '', 'an ended order stays open'],
  ['_close', 'orders[sender] -= 1;', '', "the buyer's count does not fall"],
  ['_close', 'orders[spender] -= 1;', '', "the seller's count does not fall"],
  ['_settle', '_close(sender, spender);', '', 'a paid order is not closed'],
  ['_settle', '_move(sender, spender, amount);', '', 'a paid order moves nothing'],
  ['cancelOrder', '_close(sender, spender);', '', 'a cancelled order is not closed'],
  ['cancelOrder', 'require(order.amount > 0, "No such order.");', '', 'no order is cancelled'],
  ['_requireOrder', 'require(orders[sender] > 0, "Sender has no open orders.");', '', "the buyer's count is not checked"],
  ['_requireOrder', 'require(orders[spender] > 0, "Spender has no open orders.");', '', "the seller's count is not checked"],
  ['_requireOrder', `require(open <= amount, ${SENDER_PLACED});`, '', 'less than the order has no message'],
  ['_requireOrder', `require(openOrders[spender][sender].amount <= amount, ${SPENDER_PLACED});`, '', 'the other direction has no message'],
  ['_requireOrder', 'open == amount && ', '', 'another amount is paid'],
  ['_requireOrder', ' && amount > 0', '', 'an order of nothing is paid'],
  ['orderSubmitted', 'amount > 0 && ', '', 'an order of nothing is printed'],
  ['orderSubmitted', ' && order.amount == amount', '', 'another amount is printed'],

  // Balances and nodes
  ['withdraw', 'balances[msg.sender] -= amount;', '', 'a withdrawal costs nothing'],
  ['withdraw', 'require(amount > 0, "Invalid amount.");', '', 'a withdrawal of nothing'],
  ['withdraw', 'require(paid, "Withdrawal failed.");', '', 'a failed withdrawal is kept'],
  ['withdraw', '{value: amount}("");', '{value: amount, gas: 2300}("");', 'a withdrawal hands no gas on'],
  ['_deposit', 'require(msg.value > 0, "Invalid amount.");', '', 'a deposit of nothing'],
  ['_deposit', '_credit(msg.sender, msg.value);', '', 'a deposit is not credited'],
  ['_move', 'balances[from] -= amount;', '', 'who pays keeps the balance'],
  ['_move', '_credit(to, amount);', '', 'who is paid gets nothing'],
  ['_credit', 'balances[party] += amount;', '', 'a credit adds nothing'],
  ['_credit', 'nodes.push(party);', '', 'a node is not listed'],
  ['_credit', 'isNode[party] = true;', '', 'a node is listed twice'],
  ['transfer', 'recipient != address(0) && ', '', 'a transfer to nobody'],
  ['transfer', ' && recipient != address(this)', '', 'a transfer to Main'],
  ['transfer', 'require(amount > 0, "Invalid amount.");', '', 'a transfer of nothing'],
  ['transfer', 'require(openOrders[sender][recipient].amount == 0, "Recipient has already placed an order.");', '', 'an order is paid beside itself'],
  [
    'withdraw',
    '        balances[msg.sender] -= amount;\n        emit Withdrawn(msg.sender, amount);\n        (bool paid,) = msg.sender.call{value: amount}("");\n',
    '        (bool paid,) = msg.sender.call{value: amount}("");\n        unchecked { balances[msg.sender] -= amount; }\n        emit Withdrawn(msg.sender, amount);\n',
    'the ether leaves before the balance falls',
  ],

  // What is announced
  ['_deposit', 'emit Deposited(msg.sender, msg.value);', '', 'no Deposited'],
  ['withdraw', 'emit Withdrawn(msg.sender, amount);', '', 'no Withdrawn'],
  ['transfer', 'emit Transfer(sender, recipient, amount);', '', 'no Transfer'],
  ['transferFrom', 'emit Transfer(sender, spender, amount);', '', 'no Transfer'],
  ['_setLock', 'emit Locked(msg.sender, spender, amount, direct);', '', 'no Locked'],
  ['submitOrder', 'emit OrderSubmitted(sender, amount);', '', 'no OrderSubmitted'],
  ['confirmOrder', 'emit OrderConfirmed(sender, spender, amount);', '', 'no OrderConfirmed'],
  ['cancelOrder', 'emit OrderCancelled(sender, spender, order.amount);', '', 'no OrderCancelled'],
  ['orderSubmitted', 'emit OrderInfo(sender, msg.sender, amount, order.submittedAt);', '', 'no OrderInfo'],
].map(([where, find, put, means]) => ({ where, find, put, means }));

main().catch((error) => {
  console.error(`mutate: ${error.message}`);
  process.exit(1);
});

async function main() {
  const wanted = process.argv[2];
  if (wanted === '--list') {
    for (const { where, means } of EDITS) console.log(`${where.padEnd(15)} ${means}`);
    return;
  }
  const edits = wanted === undefined ? EDITS : EDITS.filter(({ where }) => where === wanted);
  if (edits.length === 0) throw new Error(`no edit is made in a function called ${wanted}`);

  const started = Date.now();
  const whole = compile(SOURCE);
  if (whole.code !== ARTIFACT.deployedBytecode) {
    throw new Error('contracts/artifacts/Main.json is not what Main.sol compiles to: run scripts/build-contracts.mjs');
  }
  const sound = await test(whole.code, ['-vv']);
  if (sound.failure) throw new Error(`the tests fail without any edit:\n${sound.output}`);
  console.log(`the unchanged contract passes ${sound.passed} tests\n`);

  const results = await each(edits, AT_ONCE, tryEdit);
  const noticed = results.filter(Boolean).length;
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`\n${noticed === edits.length ? 'PASS' : 'FAIL'} ${noticed}/${edits.length} (${seconds} s)`);
  process.exit(noticed === edits.length ? 0 : 1);
}

/** Makes one edit and prints its line; true if a test noticed. */
async function tryEdit(edit) {
  const outcome = await attempt(edit);
  console.log(`${outcome.noticed ? 'noticed' : 'MISSED '}  ${edit.where.padEnd(15)} ${edit.means.padEnd(42)} ${outcome.by}`);
  return outcome.noticed;
}

async function attempt(edit) {
  const edited = apply(edit);
  if (edited.problem) return { noticed: false, by: edited.problem };
  const { code, problem } = compile(edited.source);
  if (problem) return { noticed: false, by: `does not compile: ${problem}` };
  if (code === ARTIFACT.deployedBytecode) return { noticed: false, by: 'the edit changes no code' };
  const { failure } = await test(code, ['--fail-fast']);
  return failure ? { noticed: true, by: failure } : { noticed: false, by: 'every test passes' };
}

/** The source with the edit made in its function; the text to find must be there exactly once. */
function apply({ where, find, put }) {
  const begin = SOURCE.indexOf(`\n    function ${where}(`);
  const end = SOURCE.indexOf('\n    }\n', begin);
  if (begin < 0 || end < 0) return { problem: `there is no function ${where}` };
  const body = SOURCE.slice(begin, end);
  const times = body.split(find).length - 1;
  if (times !== 1) return { problem: `the text to edit is there ${times} times, not once` };
  return { source: SOURCE.slice(0, begin) + body.replace(find, () => put) + SOURCE.slice(end) };
}

/** Runtime code of Main for a source, with the settings that foundry.toml has for it. */
function compile(source) {
  const { compile: solc } = createRequire(join(ROOT, 'package.json'))('solc');
  const [, runs, evmVersion] = ARTIFACT.compiler.match(/optimizer (\d+) runs, (\w+)$/);
  const input = {
    language: 'Solidity',
    sources: { 'contracts/Main.sol': { content: source } },
    settings: {
      optimizer: { enabled: true, runs: Number(runs) },
      evmVersion,
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { '*': { Main: ['evm.deployedBytecode.object'] } },
    },
  };
  const { errors = [], contracts } = JSON.parse(solc(JSON.stringify(input)));
  const error = errors.find(({ severity }) => severity === 'error');
  if (error) return { problem: error.message };
  return { code: `0x${contracts['contracts/Main.sol'].Main.evm.deployedBytecode.object}` };
}

/** Runs the tests on that runtime code; `failure` names the first test that failed, if any did. */
function test(code, flags) {
  // forge replays earlier failures: what an edit broke must not be tried on the next one, or on the real contract.
  const failures = mkdtempSync(join(tmpdir(), 'mutate-'));
  const env = {
    ...process.env,
    FOUNDRY_PROFILE: 'quick',
    FOUNDRY_FUZZ_FAILURE_PERSIST_DIR: failures,
    FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR: failures,
    MAIN_CODE: code,
    NO_COLOR: '1',
  };
  const about = ['--match-path', 'contracts/test/{Ledger,Locks,Orders,Reentry,Invariants}.t.sol'];
  return new Promise((resolve, reject) => {
    execFile('forge', ['test', '--root', ROOT, ...about, ...flags], { env, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      rmSync(failures, { recursive: true, force: true });
      if (error?.code === 'ENOENT') return reject(new Error('forge is not on the PATH: run scripts/setup-tools.sh'));
      const output = stdout + stderr;
      const ran = /(\d+) tests? passed, (\d+) failed, \d+ skipped/.exec(output);
      if (!ran) return reject(new Error(`forge ran no tests:\n${output}`));
      const [, failed] = /^(?:\[FAIL.*\]| ) ?((?:test|invariant)\w+)\(/m.exec(output) ?? [];
      resolve({ output, passed: Number(ran[1]), failure: error ? (failed ?? `${ran[2]} tests failed`) : undefined });
    });
  });
}

/** Runs `work` on each item, at most `atOnce` at the same time; results in the order of the items. */
async function each(items, atOnce, work) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
