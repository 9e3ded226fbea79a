#!/usr/bin/env node
// The Solidity compiler as forge expects to find it: a program that answers `--version` and `--standard-json`.
// The compiler itself is the npm package `solc` (WebAssembly), pinned in package-lock.json, so nothing is downloaded.
'use strict';

const fs = require('node:fs');

const question = process.argv.slice(2);

if (question.includes('--version')) {
  const { version } = require('solc');
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version()}\n`);
} else if (question.includes('--standard-json')) {
  const { compile } = require('solc');
  writeAll(compile(fs.readFileSync(0, 'utf8')));
} else {
  process.stderr.write('usage: solc.js --version | solc.js --standard-json < input.json > output.json\n');
  process.exit(2);
}

/** Writes to a pipe of any size; process.stdout could be cut off by the exit of the process. */
function writeAll(text) {
  const bytes = Buffer.from(text, 'utf8');
  for (let written = 0; written < bytes.length; ) {
    try {
      written += fs.writeSync(1, bytes, written);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}
