// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {vm} from "./Vm.sol";

/// Main as its source says, or as the runtime code in MAIN_CODE says: so scripts/mutate.mjs tries faults on these tests.
function deployMain() returns (Main main) {
    main = new Main();
    bytes memory code = vm.envOr("MAIN_CODE", bytes(""));
    if (code.length > 0) vm.etch(address(main), code);
}

/// @title Stage: a fresh Main, five parties, and short words for what they do
abstract contract Stage {
    bool public constant IS_TEST = true;

    uint256 internal constant NOON = 1_700_000_000;

    address internal immutable ALICE = _named("alice");
    address internal immutable BOB = _named("bob");
    address internal immutable CAROL = _named("carol");
    address internal immutable DAVE = _named("dave");
    address internal immutable ERIN = _named("erin");

    Main internal main;

    function setUp() public virtual {
        vm.warp(NOON);
        main = deployMain();
    }

    // What parties do. Each of these must succeed.

    function deposit(address party, uint256 amount) internal {
        vm.deal(party, party.balance + amount);
        vm.prank(party);
        main.deposit{value: amount}();
    }

    function withdraw(address party, uint256 amount) internal {
        vm.prank(party);
        main.withdraw(amount);
    }

    function transfer(address from, address to, uint256 amount) internal {
        vm.prank(from);
        main.transfer(from, to, amount);
    }

    function approve(address buyer, address seller, uint256 amount) internal {
        vm.prank(buyer);
        main.approve(seller, amount);
    }

    function authorize(address buyer, address seller, uint256 amount) internal {
        vm.prank(buyer);
        main.authorize(seller, amount);
    }

    function submit(address seller, address buyer, uint256 amount) internal {
        vm.prank(seller);
        main.submitOrder(buyer, amount);
    }

    function confirm(address buyer, address seller, uint256 amount) internal {
        vm.prank(buyer);
        main.confirmOrder(buyer, seller, amount);
    }

    function collect(address seller, address buyer, uint256 amount) internal {
        vm.prank(seller);
        main.transferFrom(buyer, seller, amount);
    }

    function cancel(address caller, address buyer, address seller) internal {
        vm.prank(caller);
        main.cancelOrder(buyer, seller);
    }

    // What must hold.

    /// The call fails with exactly this message.
    function refused(address caller, bytes memory call, string memory reason) internal {
        refused(caller, 0, call, reason);
    }

    function refused(address caller, uint256 value, bytes memory call, string memory reason) internal {
        vm.deal(caller, caller.balance + value);
        vm.prank(caller);
        (bool accepted, bytes memory answer) = address(main).call{value: value}(call);
        vm.assertFalse(accepted, string.concat("accepted, but wanted the refusal: ", reason));
        vm.assertEq(reasonOf(answer), reason, "the reason of the refusal");
    }

    /// The message in the answer of a refused call; fails on any other kind of answer.
    function reasonOf(bytes memory answer) internal pure returns (string memory) {
        vm.assertGe(answer.length, 68, "length of an answer with a reason");
        vm.assertEq(bytes32(bytes4(answer)), bytes32(bytes4(0x08c379a0)), "the selector of Error(string)");
        bytes memory encoded = new bytes(answer.length - 4);
        for (uint256 i = 0; i < encoded.length; ++i) {
            encoded[i] = answer[i + 4];
        }
        return abi.decode(encoded, (string));
    }

    function owns(address party, uint256 balance, uint256 locked, uint256 orders) internal view {
        vm.assertEq(main.balances(party), balance, "balance");
        vm.assertEq(main.locked(party), locked, "locked");
        vm.assertEq(main.orders(party), orders, "number of open orders");
    }

    function locks(address buyer, address seller, uint256 amount, bool direct) internal view {
        (uint256 isAmount, bool isDirect) = main.locks(buyer, seller);
        vm.assertEq(isAmount, amount, "amount of the lock");
        vm.assertTrue(isDirect == direct, direct ? "the lock is not direct" : "the lock is direct");
    }

    function isOpen(address buyer, address seller, uint256 amount, uint256 submittedAt) internal view {
        (uint192 isAmount, uint64 isSubmittedAt) = main.openOrders(buyer, seller);
        vm.assertEq(isAmount, amount, "amount of the open order");
        vm.assertEq(isSubmittedAt, submittedAt, "time of the open order");
    }

    function isClosed(address buyer, address seller) internal view {
        isOpen(buyer, seller, 0, 0);
    }

    /// The ether of Main less what the parties own in it.
    function surplus() internal view returns (uint256) {
        uint256 owned = 0;
        for (uint256 i = 0; i < main.nodeCount(); ++i) {
            owned += main.balances(main.nodes(i));
        }
        vm.assertGe(address(main).balance, owned, "ether of Main beside what the parties own");
        return address(main).balance - owned;
    }

    function _named(string memory name) private returns (address party) {
        party = address(uint160(uint256(keccak256(bytes(name)))));
        vm.label(party, name);
    }
}

/// @title Forcer: gives its ether to an account that is not asked
contract Forcer {
    constructor(address payable target) payable {
        selfdestruct(target);
    }
}
