// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {Multicall3} from "../Multicall3.sol";
import {vm} from "./Vm.sol";

/// What others have built on and what must therefore never change: selectors, topics, and the opcodes of the predeploys.
contract InterfaceTest {
    bool public constant IS_TEST = true;

    /// Only for its type: the selector of a getter has no other name.
    Main private main;

    function test_selectors_of_the_documents_functions() public view {
        pinned(main.balances.selector, 0x27e235e3, "balances");
        pinned(main.orders.selector, 0xf40e8471, "orders");
        pinned(main.transfer.selector, 0xbeabacc8, "transfer");
        pinned(main.approve.selector, 0x095ea7b3, "approve");
        pinned(main.authorize.selector, 0xc1dbd9b2, "authorize");
        pinned(main.transferFrom.selector, 0x23b872dd, "transferFrom");
        pinned(main.getApprovalFor.selector, 0xb11e919f, "getApprovalFor");
        pinned(main.submitOrder.selector, 0x757a2666, "submitOrder");
        pinned(main.confirmOrder.selector, 0x8d406f28, "confirmOrder");
        pinned(main.orderSubmitted.selector, 0x374d88c4, "orderSubmitted");
    }

    function test_selectors_of_our_functions() public view {
        pinned(main.deposit.selector, 0xd0e30db0, "deposit");
        pinned(main.withdraw.selector, 0x2e1a7d4d, "withdraw");
        pinned(main.cancelOrder.selector, 0x60e092c6, "cancelOrder");
        pinned(main.locked.selector, 0xcbf9fe5f, "locked");
        pinned(main.locks.selector, 0xc05f6155, "locks");
        pinned(main.openOrders.selector, 0x878419e8, "openOrders");
        pinned(main.nodes.selector, 0x1c53c280, "nodes");
        pinned(main.isNode.selector, 0x01750152, "isNode");
        pinned(main.nodeCount.selector, 0x6da49b83, "nodeCount");
        pinned(main.ORDER_LIFETIME.selector, 0x93ee14a6, "ORDER_LIFETIME");
    }

    function test_topics_of_the_documents_events() public pure {
        pinned(Main.Transfer.selector, 0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef, "Transfer");
        pinned(
            Main.OrderSubmitted.selector,
            0xb2ba85b8bae25a7dafc79bf338314a5e7712b99050a555ba18a9c0bba1e5b108,
            "OrderSubmitted"
        );
        pinned(
            Main.OrderConfirmed.selector,
            0x3793fa727612781caa786c501530053df5486a48ef62dcded25e08f5771d1bd1,
            "OrderConfirmed"
        );
    }

    function test_topics_of_our_events() public pure {
        pinned(Main.Deposited.selector, 0x2da466a7b24304f47e87fa2e1e5a81b9831ce54fec19055ce277ca2f39ba42c4, "Deposited");
        pinned(Main.Withdrawn.selector, 0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5, "Withdrawn");
        pinned(Main.Locked.selector, 0x75d02d697f0c9d580c64c704a8360f59d0b9b285000ed21d67ab8e88df2537f7, "Locked");
        pinned(
            Main.OrderCancelled.selector,
            0xd23ac4476ccf3eeb78c76d4b7bb113597bcd16c15d47656627ea6221d685ad73,
            "OrderCancelled"
        );
        pinned(Main.OrderInfo.selector, 0x791bd86ec8975ca52dc8bd60383a70c04d3417e08314e609208cd6e37a0271a9, "OrderInfo");
    }

    function test_selectors_that_clients_of_multicall3_call() public pure {
        pinned(Multicall3.aggregate.selector, 0x252dba42, "aggregate");
        pinned(Multicall3.tryAggregate.selector, 0xbce38bd7, "tryAggregate");
        pinned(Multicall3.blockAndAggregate.selector, 0xc3077fa9, "blockAndAggregate");
        pinned(Multicall3.tryBlockAndAggregate.selector, 0x399542e9, "tryBlockAndAggregate");
        pinned(Multicall3.aggregate3.selector, 0x82ad56cb, "aggregate3");
        pinned(Multicall3.aggregate3Value.selector, 0x174dea71, "aggregate3Value");
        pinned(Multicall3.getBlockHash.selector, 0xee82ac5e, "getBlockHash");
        pinned(Multicall3.getBlockNumber.selector, 0x42cbb15c, "getBlockNumber");
        pinned(Multicall3.getCurrentBlockCoinbase.selector, 0xa8b0574e, "getCurrentBlockCoinbase");
        pinned(Multicall3.getCurrentBlockDifficulty.selector, 0x72425d9d, "getCurrentBlockDifficulty");
        pinned(Multicall3.getCurrentBlockGasLimit.selector, 0x86d516e8, "getCurrentBlockGasLimit");
        pinned(Multicall3.getCurrentBlockTimestamp.selector, 0x0f28c97d, "getCurrentBlockTimestamp");
        pinned(Multicall3.getEthBalance.selector, 0x4d2301cc, "getEthBalance");
        pinned(Multicall3.getLastBlockHash.selector, 0x27e86d6e, "getLastBlockHash");
        pinned(Multicall3.getBasefee.selector, 0x3e64a696, "getBasefee");
        pinned(Multicall3.getChainId.selector, 0x3408e470, "getChainId");
    }

    function test_the_predeploys_run_under_london() public pure {
        runsUnderLondon(type(Main).runtimeCode, "Main");
        runsUnderLondon(type(Multicall3).runtimeCode, "Multicall3");
    }

    function test_an_order_lives_for_seven_days() public {
        vm.assertEq(new Main().ORDER_LIFETIME(), 604_800, "seconds");
    }

    function pinned(bytes4 is_, bytes4 wanted, string memory name) private pure {
        vm.assertEq(bytes32(is_), bytes32(wanted), string.concat("selector of ", name));
    }

    function pinned(bytes32 is_, bytes32 wanted, string memory name) private pure {
        vm.assertEq(is_, wanted, string.concat("topic 0 of ", name));
    }

    /// No byte that is an instruction, not data of a push, belongs to an opcode that came after London.
    function runsUnderLondon(bytes memory code, string memory name) private pure {
        vm.assertGe(code.length, 1, string.concat("length of the code of ", name));
        for (uint256 i = 0; i < code.length; ++i) {
            uint8 opcode = uint8(code[i]);
            if (opcode >= 0x60 && opcode <= 0x7f) i += opcode - 0x5f;
            bool isNewer = opcode == 0x1e || (opcode >= 0x49 && opcode <= 0x4f) || (opcode >= 0x5c && opcode <= 0x5f);
            vm.assertFalse(
                isNewer, string.concat(name, " has the opcode ", vm.toString(opcode), " at ", vm.toString(i))
            );
        }
    }
}
