// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {vm} from "../test/Vm.sol";

/// @title Deploy: puts one Main on a chain that has none
/// @notice forge script contracts/script/Deploy.s.sol --rpc-url URL --private-key KEY --broadcast
contract Deploy {
    bool public constant IS_SCRIPT = true;

    function run() external returns (Main main) {
        vm.startBroadcast();
        main = new Main();
        vm.stopBroadcast();
    }
}
