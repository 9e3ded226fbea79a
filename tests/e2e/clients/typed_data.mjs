// Does the node hash typed data as MetaMask's own library does? Documents made from a seed, in both versions, and those that
// nobody can sign.

import assert from "node:assert/strict";
import test from "node:test";
import sigUtil from "@metamask/eth-sig-util";
import { SigningKey, keccak256 } from "ethers";
import { rpc } from "./chain.mjs";

const { SignTypedDataVersion: version, TypedDataUtils } = sigUtil;
const KEY = new SigningKey("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const FROM = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const METHODS = { [version.V3]: "eth_signTypedData_v3", [version.V4]: "eth_signTypedData_v4" };

/** What MetaMask signs: the signature of the hash, or nothing where it refuses. */
function expected(document, ofVersion) {
  try {
    return KEY.sign(TypedDataUtils.eip712Hash(document, ofVersion)).serialized;
  } catch {
    return null;
  }
}

const signed = (document, ofVersion) => rpc(METHODS[ofVersion], FROM, JSON.stringify(document)).catch((error) => error);

/** Numbers that are the same in every run. */
function random(seed) {
  let state = keccak256(Uint8Array.of(seed));
  return (below) => {
    state = keccak256(state);
    return Number(BigInt(state) % BigInt(below));
  };
}

const bytes = (next, length) => "0x" + Array.from({ length }, () => next(256).toString(16).padStart(2, "0")).join("");

/** Types of single values, each with a way to make one. */
const ATOMS = {
  address: (next) => bytes(next, 20),
  bool: (next) => next(2) === 1,
  bytes: (next) => bytes(next, next(70)),
  bytes32: (next) => bytes(next, 32),
  bytes3: (next) => bytes(next, 3),
  int16: (next) => next(65536) - 32768,
  int256: (next) => (BigInt(bytes(next, 31)) * (next(2) ? 1n : -1n)).toString(),
  string: (next) => "äbc€".repeat(next(20)),
  uint256: (next) => BigInt(bytes(next, 32)).toString(),
  uint8: (next) => (next(2) ? next(256) : "0x" + next(256).toString(16)),
};

/** A document with types that refer to each other and to themselves, arrays only if wanted. */
function document(seed, arrays) {
  const next = random(seed);
  const pick = (list) => list[next(list.length)];
  const structs = ["Alpha", "Beta", "Gamma", "Delta"].slice(0, 1 + next(4));
  const shape = (kind) => (arrays && next(3) === 0 ? kind + pick(["[]", "[2]", "[][1]"]) : kind);
  const fields = () => Array.from({ length: 1 + next(6) }, (_, index) => ({ name: `f${index}`, type: shape(pick([...Object.keys(ATOMS), ...structs])) }));
  const types = Object.fromEntries(structs.map((name) => [name, fields()]));
  const value = (type, depth) => {
    const array = /^(.*)\[(\d*)\]$/.exec(type);
    if (array) return Array.from({ length: array[2] ? Number(array[2]) : next(3) }, () => value(array[1], depth + 1));
    if (ATOMS[type]) return ATOMS[type](next);
    if (depth > 3) return undefined;
    return Object.fromEntries(types[type].map((field) => [field.name, value(field.type, depth + 1)]).filter(([, it]) => it !== undefined));
  };
  const domain = { name: `Domain ${seed}`, version: "1", chainId: next(2) ? 31337 : "0x7a69", verifyingContract: bytes(next, 20), salt: bytes(next, 32) };
  const all = [["name", "string"], ["version", "string"], ["chainId", "uint256"], ["verifyingContract", "address"], ["salt", "bytes32"]];
  const kept = all.filter(() => next(3) > 0);
  return {
    types: { EIP712Domain: kept.map(([name, type]) => ({ name, type })), ...types },
    primaryType: pick(structs),
    domain: Object.fromEntries(kept.map(([name]) => [name, domain[name]])),
    message: value(structs[0], 0),
  };
}

for (const ofVersion of [version.V3, version.V4]) {
  test(`two hundred documents are signed in version ${ofVersion} as MetaMask signs them, or by neither`, async () => {
    let both = 0;
    for (let seed = 0; seed < 200; seed += 1) {
      const made = document(seed, ofVersion === version.V4);
      made.primaryType = Object.keys(made.types)[1];
      const [ours, theirs] = [await signed(made, ofVersion), expected(made, ofVersion)];
      if (theirs === null) assert.ok(ours instanceof Error, `seed ${seed}: only the node signs ${JSON.stringify(made)}`);
      else assert.equal(ours, theirs, `seed ${seed}: ${ours.message} ${JSON.stringify(made)}`);
      if (theirs !== null) both += 1;
    }
    assert.ok(both > 50, `only ${both} documents were signed`);
  });
}
