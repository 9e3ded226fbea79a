// What every suite here needs to know: where the node is, who may send, and which contracts there are.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// A suite that hangs is a fault: better named than waited for.
setTimeout(() => {
  console.error("no end after four minutes");
  process.exit(1);
}, 240_000).unref();

export const HTTP = process.env.MAINSPRING_HTTP;
export const WS = HTTP.replace("http", "ws");
export const CHAIN_ID = 31337;
export const MNEMONIC = "test test test test test test test test test test test junk";

const root = new URL("../../../", import.meta.url);
const artifact = (name) => JSON.parse(readFileSync(fileURLToPath(new URL(`contracts/artifacts/${name}.json`, root))));

/** Main: predeployed at this address on every development chain. */
export const main = { address: "0x000000000000000000000000000000004D61696E", ...artifact("Main") };
export const probe = artifact("Probe");

/** The node itself, without any library between. */
export async function rpc(method, ...params) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = await fetch(HTTP, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { result, error } = await answer.json();
  if (error) throw Object.assign(new Error(error.message), error);
  return result;
}

/**
 * A blob of zeros. Its polynomial is zero, so its commitment and every proof are the point at infinity: valid, and made
 * without a trusted setup.
 */
const INFINITY = "c0" + "00".repeat(47);
export const blob = {
  data: "0x" + "00".repeat(131072),
  commitment: "0x" + INFINITY,
  proof: "0x" + INFINITY,
  cellProofs: "0x" + INFINITY.repeat(128),
};

/** Resolves when `ready` answers true; looks again whenever `look` is called. */
export function until(ready) {
  let look;
  const promise = new Promise((resolve) => {
    look = () => ready() && resolve();
  });
  look();
  return { promise, look };
}

/** Numbers from `first` on, `count` of them. */
export const range = (first, count) => Array.from({ length: count }, (_, index) => first + index);
