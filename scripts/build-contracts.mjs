#!/usr/bin/env node
// Are the checked-in artifacts what the sources compile to?
//
//   scripts/build-contracts.mjs            compiles and writes contracts/artifacts/
//   scripts/build-contracts.mjs --check    compiles and compares; exit code 1 names every difference
//
// The node takes its contracts from these files, so that building it needs no Solidity compiler. forge must be on the PATH:
// PATH="$(scripts/setup-tools.sh):$PATH".

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const ARTIFACTS = join(ROOT, 'contracts', 'artifacts');

/** Contract -> source. */
const CONTRACTS = {
  Main: 'contracts/Main.sol',
  Multicall3: 'contracts/Multicall3.sol',
  Probe: 'contracts/test/fixtures/Probe.sol',
  Token: 'contracts/test/fixtures/Token.sol',
};

const mode = process.argv[2] ?? '--write';
if (process.argv.length > 3 || !['--write', '--check'].includes(mode)) {
  console.error('usage: build-contracts.mjs [--check]');
  process.exit(2);
}

const built = build();
if (mode === '--check') check(built);
else write(built);

/** File name -> text, compiled from nothing with the settings of foundry.toml. */
function build() {
  const scratch = mkdtempSync(join(tmpdir(), 'build-contracts-'));
  try {
    const sources = Object.values(CONTRACTS);
    const where = ['--root', ROOT, '--out', join(scratch, 'out'), '--cache-path', join(scratch, 'cache')];
    execFileSync('forge', ['build', '--quiet', ...where, ...sources], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
    return Object.fromEntries(
      Object.entries(CONTRACTS).map(([name, source]) => {
        const file = join(scratch, 'out', source.split('/').at(-1), `${name}.json`);
        return [`${name}.json`, artifact(name, JSON.parse(readFileSync(file, 'utf8')))];
      }),
    );
  } catch (error) {
    console.error(error.code === 'ENOENT' && error.syscall?.startsWith('spawn') ? 'forge is not on the PATH: run scripts/setup-tools.sh' : error.message);
    process.exit(1);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function artifact(name, { abi, bytecode, deployedBytecode, metadata }) {
  const { compiler, settings } = metadata;
  const text = {
    contractName: name,
    compiler: `solc ${compiler.version}, optimizer ${settings.optimizer.runs} runs, ${settings.evmVersion}`,
    abi,
    bytecode: bytecode.object,
    deployedBytecode: deployedBytecode.object,
  };
  return `${JSON.stringify(text, null, 2)}\n`;
}

function write(artifacts) {
  mkdirSync(ARTIFACTS, { recursive: true });
  for (const [file, text] of Object.entries(artifacts)) {
    writeFileSync(join(ARTIFACTS, file), text);
    console.log(`contracts/artifacts/${file}: ${codeSize(text)} bytes of runtime code`);
  }
}

function check(artifacts) {
  const differences = Object.entries(artifacts).flatMap(([file, text]) => compare(file, text));
  for (const file of readdirSync(ARTIFACTS)) {
    if (!(file in artifacts)) differences.push(`${file}: no source is named for it`);
  }
  for (const difference of differences) console.error(`contracts/artifacts/${difference}`);
  if (differences.length > 0) {
    console.error('The artifacts are not what the sources compile to: run scripts/build-contracts.mjs and commit the result.');
    process.exit(1);
  }
  console.log(`${Object.keys(artifacts).length} artifacts are what the sources compile to`);
}

function compare(file, text) {
  const path = join(ARTIFACTS, file);
  if (!existsSync(path)) return [`${file}: missing`];
  const stored = readFileSync(path, 'utf8');
  if (stored === text) return [];
  const [was, is] = [JSON.parse(stored), JSON.parse(text)];
  const fields = Object.keys(is).filter((field) => JSON.stringify(was[field]) !== JSON.stringify(is[field]));
  return [`${file}: differs in ${fields.join(', ') || 'layout'} (${codeSize(stored)} bytes of runtime code here, ${codeSize(text)} compiled)`];
}

function codeSize(text) {
  return (JSON.parse(text).deployedBytecode.length - 2) / 2;
}
