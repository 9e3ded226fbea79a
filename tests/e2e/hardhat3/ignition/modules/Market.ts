// Main and a till, deployed together, with one call after the deployment.
import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

export default buildModule("Market", (m) => {
  const main = m.contract("Main");
  const till = m.contract("Till", [], { after: [main] });
  m.call(main, "deposit", [], { value: 5n });
  return { main, till };
});
