// What both toolboxes are set to: a compiler that is a file, and the node under test.

/** The compiler's JavaScript build; nothing is downloaded. */
export const solidity = { version: "0.8.37", path: process.env.SOLJSON ?? "node_modules/solc/soljson.js" };

export const networks = {
  mainspring: {
    type: "http" as const,
    chainType: "l1" as const,
    url: process.env.NODE_URL ?? "http://127.0.0.1:8545",
  },
};
