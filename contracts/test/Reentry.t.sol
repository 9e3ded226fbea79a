// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {Stage} from "./Stage.sol";
import {Vm, vm} from "./Vm.sol";

/// Calls Main again while Main is paying it.
contract Caller {
    Main private immutable MAIN;
    bytes private _call;
    uint256 private _value;
    bool public called;
    bool public accepted;
    bytes public answer;

    constructor(Main main) {
        MAIN = main;
    }

    receive() external payable {
        called = true;
        (accepted, answer) = address(MAIN).call{value: _value}(_call);
    }

    /// What it will call, with how much of the ether that it is paid.
    function plan(bytes calldata call, uint256 value) external {
        (_call, _value) = (call, value);
    }

    function act(bytes calldata call) external {
        (bool done,) = address(MAIN).call(call);
        require(done, "Main refused.");
    }
}

/// Withdraw pays with all gas: from inside that payment every function of Main is called once. It finds the balance gone.
contract ReentryTest is Stage {
    Caller private caller;
    address private here;

    function setUp() public override {
        super.setUp();
        caller = new Caller(main);
        here = address(caller);
        deposit(here, 10);
        deposit(ALICE, 10);
        deposit(BOB, 10);
    }

    function test_withdraw_within_withdraw_finds_the_balance_gone() public {
        withdrawAndCall(10, abi.encodeCall(main.withdraw, (1)));
        wasRefused("Sender does not have enough balance.");
        owns(here, 0, 0, 0);
        vm.assertEq(here.balance, 10, "ether of the caller");
    }

    function test_transfer_within_withdraw_finds_the_balance_gone() public {
        withdrawAndCall(10, abi.encodeCall(main.transfer, (here, BOB, 1)));
        wasRefused("Sender does not have enough balance.");
        owns(BOB, 10, 0, 0);
    }

    function test_approve_within_withdraw_finds_the_balance_gone() public {
        withdrawAndCall(10, abi.encodeCall(main.approve, (BOB, 1)));
        wasRefused("Sender does not have enough balance.");
        locks(here, BOB, 0, false);
    }

    function test_authorize_within_withdraw_finds_the_balance_gone() public {
        withdrawAndCall(10, abi.encodeCall(main.authorize, (BOB, 1)));
        wasRefused("Sender does not have enough balance.");
        locks(here, BOB, 0, false);
    }

    function test_deposit_within_withdraw_is_credited() public {
        withdrawAndCall(10, 4, abi.encodeCall(main.deposit, ()));
        wasAccepted();
        owns(here, 4, 0, 0);
        vm.assertEq(here.balance, 6, "ether of the caller");
    }

    function test_plain_ether_within_withdraw_is_credited() public {
        withdrawAndCall(10, 4, "");
        wasAccepted();
        owns(here, 4, 0, 0);
        vm.assertEq(here.balance, 6, "ether of the caller");
    }

    function test_submitOrder_within_withdraw_opens_one_order() public {
        approve(ALICE, here, 5);
        withdrawAndCall(10, abi.encodeCall(main.submitOrder, (ALICE, 5)));
        wasAccepted();
        isOpen(ALICE, here, 5, NOON);
        owns(here, 0, 0, 1);
    }

    function test_confirmOrder_within_withdraw_pays_out_of_what_was_locked() public {
        caller.act(abi.encodeCall(main.approve, (BOB, 4)));
        submit(BOB, here, 4);
        withdrawAndCall(6, abi.encodeCall(main.confirmOrder, (here, BOB, 4)));
        wasAccepted();
        owns(here, 0, 0, 0);
        owns(BOB, 14, 0, 0);
    }

    function test_transferFrom_within_withdraw_finds_that_the_seller_could_not_refund() public {
        authorize(ALICE, here, 5);
        caller.act(abi.encodeCall(main.submitOrder, (ALICE, 5)));
        withdrawAndCall(10, abi.encodeCall(main.transferFrom, (ALICE, here, 5)));
        wasRefused("Spender does not have enough balance.");
        owns(ALICE, 10, 5, 1);
    }

    function test_transferFrom_within_withdraw_collects_once() public {
        authorize(ALICE, here, 5);
        caller.act(abi.encodeCall(main.submitOrder, (ALICE, 5)));
        withdrawAndCall(5, abi.encodeCall(main.transferFrom, (ALICE, here, 5)));
        wasAccepted();
        owns(ALICE, 5, 0, 0);
        owns(here, 10, 0, 0);
    }

    function test_cancelOrder_within_withdraw_closes_once() public {
        approve(ALICE, here, 5);
        caller.act(abi.encodeCall(main.submitOrder, (ALICE, 5)));
        withdrawAndCall(10, abi.encodeCall(main.cancelOrder, (ALICE, here)));
        wasAccepted();
        isClosed(ALICE, here);
        owns(ALICE, 10, 5, 0);
        owns(here, 0, 0, 0);
    }

    function test_orderSubmitted_within_withdraw_prints() public {
        approve(ALICE, here, 5);
        caller.act(abi.encodeCall(main.submitOrder, (ALICE, 5)));
        vm.recordLogs();
        withdrawAndCall(10, abi.encodeCall(main.orderSubmitted, (ALICE, 5)));
        wasAccepted();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "number of events");
        vm.assertEq(logs[0].topics[0], Main.Withdrawn.selector, "first event");
        vm.assertEq(logs[1].topics[0], Main.OrderInfo.selector, "second event");
    }

    function test_a_reader_within_withdraw_sees_the_new_balance() public {
        withdrawAndCall(7, abi.encodeCall(main.balances, (here)));
        wasAccepted();
        vm.assertEq(abi.decode(caller.answer(), (uint256)), 3, "balance seen from inside");
    }

    function withdrawAndCall(uint256 amount, bytes memory call) private {
        withdrawAndCall(amount, 0, call);
    }

    function withdrawAndCall(uint256 amount, uint256 value, bytes memory call) private {
        caller.plan(call, value);
        withdraw(here, amount);
        vm.assertTrue(caller.called(), "the caller was not paid");
        vm.assertEq(surplus(), 0, "ether of Main beside what the parties own");
    }

    function wasAccepted() private view {
        vm.assertTrue(caller.accepted(), "the call from inside was refused");
    }

    function wasRefused(string memory reason) private view {
        vm.assertFalse(caller.accepted(), "the call from inside was accepted");
        vm.assertEq(reasonOf(caller.answer()), reason, "the reason of the refusal");
    }
}
