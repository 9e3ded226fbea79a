// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../../Main.sol";
import {vm} from "../Vm.sol";

/// @title ForkTest: tests on top of a running node, as `forge test --fork-url` makes them
/// @notice tests/e2e/foundry.rs starts the node, deposits, and runs these. Without a fork they are skipped.
contract ForkTest {
    Main private constant MAIN = Main(payable(address(0x4d61696e)));
    address private constant BUYER = 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266;
    address private constant SELLER = 0x70997970C51812dc3A010C7d01b50e0d17dc79C8;

    function setUp() external {
        vm.skip(address(MAIN).code.length == 0);
    }

    function test_WhatWasDepositedBeforeTheForkIsThere() external view {
        vm.assertEq(MAIN.balances(BUYER), 3 ether, "the buyer's deposit");
        vm.assertEq(MAIN.balances(SELLER), 5 ether, "the seller's deposit");
        vm.assertEq(address(MAIN).balance, 8 ether, "the ether behind them");
        vm.assertEq(block.chainid, 31337, "the chain id");
        vm.assertEq(block.number, 2, "the head");
    }

    function test_AnOrderGoesThrough() external {
        vm.prank(BUYER);
        MAIN.authorize(SELLER, 1 ether);
        vm.prank(SELLER);
        MAIN.submitOrder(BUYER, 1 ether);
        vm.prank(BUYER);
        MAIN.confirmOrder(BUYER, SELLER, 1 ether);
        vm.assertEq(MAIN.balances(SELLER), 6 ether, "paid");
    }

    function test_TheAccountsAreFunded() external {
        vm.assertGe(BUYER.balance, 9_996 ether, "what the deposit left");
        vm.prank(BUYER);
        MAIN.deposit{value: 9_000 ether}();
        vm.assertEq(MAIN.balances(BUYER), 9_003 ether, "on top of the three");
    }
}
