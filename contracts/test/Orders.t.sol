// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {Stage} from "./Stage.sol";
import {Vm, vm} from "./Vm.sol";

/// What sellers ask for, and how it ends. Alice buys, Bob sells.
contract OrdersTest is Stage {
    string private constant POOR = "Sender does not have enough balance.";
    string private constant SENDER_PLACED = "Sender has already placed an order for the sender.";
    string private constant SPENDER_PLACED = "Spender has already placed an order for the sender.";

    function setUp() public override {
        super.setUp();
        deposit(ALICE, 10);
        deposit(BOB, 10);
    }

    // submitOrder

    function test_submit_opens_an_order() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        isOpen(ALICE, BOB, 4, NOON);
        isClosed(BOB, ALICE);
        owns(ALICE, 10, 6, 1);
        owns(BOB, 10, 0, 1);
        locks(ALICE, BOB, 6, false);
    }

    function test_submit_is_announced_once_with_the_buyer() public {
        approve(ALICE, BOB, 6);
        vm.recordLogs();
        submit(BOB, ALICE, 4);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "number of events");
        vm.assertEq(logs[0].topics.length, 2, "number of topics");
        vm.assertEq(logs[0].topics[0], keccak256("OrderSubmitted(address,uint256)"), "topic 0");
        vm.assertEq(logs[0].topics[1], bytes32(uint256(uint160(ALICE))), "topic 1");
        vm.assertEq(logs[0].data, abi.encode(4), "data");
    }

    function test_submit_of_nothing_is_refused() public {
        approve(ALICE, BOB, 6);
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 0)), "Invalid amount.");
    }

    function test_submit_of_what_no_slot_can_hold_is_refused() public {
        deposit(ALICE, 2 ** 193);
        approve(ALICE, BOB, 2 ** 193);
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 2 ** 192)), "Invalid amount.");
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, type(uint256).max)), "Invalid amount.");
        submit(BOB, ALICE, 2 ** 192 - 1);
        isOpen(ALICE, BOB, 2 ** 192 - 1, NOON);
        confirm(ALICE, BOB, 2 ** 192 - 1);
        owns(BOB, 10 + 2 ** 192 - 1, 0, 0);
    }

    function test_submit_above_the_buyers_balance_is_refused() public {
        approve(ALICE, BOB, 10);
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 11)), POOR);
    }

    function test_submit_above_the_lock_is_refused() public {
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 1)), "Not authorized to place order.");
        approve(ALICE, BOB, 6);
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 7)), "Not authorized to place order.");
    }

    function test_submit_of_the_whole_lock_is_allowed() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 6);
        isOpen(ALICE, BOB, 6, NOON);
    }

    function test_submit_before_the_first_order_ends_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 2);
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 2)), SENDER_PLACED);
        confirm(ALICE, BOB, 2);
        submit(BOB, ALICE, 4);
        isOpen(ALICE, BOB, 4, NOON);
    }

    function test_submit_in_the_other_direction_is_refused() public {
        approve(ALICE, BOB, 6);
        approve(BOB, ALICE, 6);
        submit(BOB, ALICE, 2);
        refused(ALICE, abi.encodeCall(main.submitOrder, (BOB, 2)), SPENDER_PLACED);
        confirm(ALICE, BOB, 2);
        submit(ALICE, BOB, 2);
        isOpen(BOB, ALICE, 2, NOON);
    }

    function test_submit_checks_in_the_documented_order() public {
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 2 ** 192)), "Invalid amount.");
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 11)), POOR);
        approve(BOB, ALICE, 3);
        submit(ALICE, BOB, 3);
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 1)), "Not authorized to place order.");
        approve(ALICE, BOB, 6);
        refused(BOB, abi.encodeCall(main.submitOrder, (ALICE, 1)), SPENDER_PLACED);
        approve(ALICE, CAROL, 3);
        submit(CAROL, ALICE, 1);
        refused(CAROL, abi.encodeCall(main.submitOrder, (ALICE, 3)), SENDER_PLACED);
    }

    function test_two_sellers_have_orders_open_against_one_buyer() public {
        approve(ALICE, BOB, 6);
        approve(ALICE, CAROL, 4);
        submit(BOB, ALICE, 6);
        submit(CAROL, ALICE, 4);
        owns(ALICE, 10, 10, 2);
        confirm(ALICE, CAROL, 4);
        isOpen(ALICE, BOB, 6, NOON);
        owns(ALICE, 6, 6, 1);
        confirm(ALICE, BOB, 6);
        owns(ALICE, 0, 0, 0);
        owns(BOB, 16, 0, 0);
        owns(CAROL, 4, 0, 0);
    }

    // confirmOrder

    function test_confirm_pays_out_of_the_lock() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        confirm(ALICE, BOB, 4);
        isClosed(ALICE, BOB);
        owns(ALICE, 6, 2, 0);
        owns(BOB, 14, 0, 0);
        locks(ALICE, BOB, 2, false);
        vm.assertEq(main.getApprovalFor(BOB), 2, "locked for Bob");
    }

    function test_confirm_is_announced() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        vm.recordLogs();
        confirm(ALICE, BOB, 4);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "number of events");
        vm.assertEq(logs[0].topics.length, 3, "number of topics");
        vm.assertEq(logs[0].topics[0], keccak256("OrderConfirmed(address,address,uint256)"), "topic 0");
        vm.assertEq(logs[0].topics[1], bytes32(uint256(uint160(ALICE))), "topic 1");
        vm.assertEq(logs[0].topics[2], bytes32(uint256(uint160(BOB))), "topic 2");
        vm.assertEq(logs[0].data, abi.encode(4), "data");
    }

    function test_confirm_makes_a_seller_without_balance_a_node() public {
        approve(ALICE, CAROL, 4);
        submit(CAROL, ALICE, 4);
        vm.assertFalse(main.isNode(CAROL), "a node without a credit");
        confirm(ALICE, CAROL, 4);
        vm.assertTrue(main.isNode(CAROL), "a paid seller is no node");
        vm.assertEq(surplus(), 0, "surplus");
        withdraw(CAROL, 4);
    }

    function test_confirm_of_an_authorized_order_pays_it_too() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        confirm(ALICE, BOB, 4);
        owns(BOB, 14, 0, 0);
        locks(ALICE, BOB, 2, true);
    }

    function test_confirm_of_the_whole_lock_takes_the_direct_way_away() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 6);
        confirm(ALICE, BOB, 6);
        locks(ALICE, BOB, 0, false);
    }

    function test_confirm_by_anyone_but_the_buyer_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        bytes memory call = abi.encodeCall(main.confirmOrder, (ALICE, BOB, 4));
        refused(BOB, call, "Caller is not the sender.");
        refused(CAROL, call, "Caller is not the sender.");
    }

    function test_confirm_twice_is_refused() public {
        approve(ALICE, BOB, 8);
        submit(BOB, ALICE, 4);
        confirm(ALICE, BOB, 4);
        bytes memory call = abi.encodeCall(main.confirmOrder, (ALICE, BOB, 4));
        refused(ALICE, call, "Sender has no open orders.");
    }

    function test_confirm_of_one_wei_less_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        refused(ALICE, abi.encodeCall(main.confirmOrder, (ALICE, BOB, 3)), SENDER_PLACED);
    }

    function test_confirm_of_one_wei_more_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        refused(ALICE, abi.encodeCall(main.confirmOrder, (ALICE, BOB, 5)), "No such order.");
    }

    function test_confirm_of_the_largest_amount_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        bytes memory call = abi.encodeCall(main.confirmOrder, (ALICE, BOB, type(uint256).max));
        refused(ALICE, call, "No such order.");
    }

    function test_confirm_without_any_order_of_the_buyer_is_refused() public {
        approve(ALICE, BOB, 6);
        bytes memory call = abi.encodeCall(main.confirmOrder, (ALICE, BOB, 4));
        refused(ALICE, call, "Sender has no open orders.");
    }

    function test_confirm_without_any_order_of_the_seller_is_refused() public {
        approve(ALICE, CAROL, 6);
        submit(CAROL, ALICE, 4);
        bytes memory call = abi.encodeCall(main.confirmOrder, (ALICE, BOB, 4));
        refused(ALICE, call, "Spender has no open orders.");
    }

    function test_confirm_of_the_order_the_other_way_round_is_refused() public {
        approve(BOB, ALICE, 6);
        submit(ALICE, BOB, 4);
        refused(ALICE, abi.encodeCall(main.confirmOrder, (ALICE, BOB, 3)), SPENDER_PLACED);
        refused(ALICE, abi.encodeCall(main.confirmOrder, (ALICE, BOB, 4)), "No such order.");
    }

    function test_confirm_of_nothing_is_refused() public {
        approve(ALICE, CAROL, 1);
        submit(CAROL, ALICE, 1);
        approve(BOB, CAROL, 1);
        submit(CAROL, BOB, 1);
        refused(ALICE, abi.encodeCall(main.confirmOrder, (ALICE, BOB, 0)), "No such order.");
    }

    function test_confirm_of_an_order_with_oneself_is_refused() public {
        approve(ALICE, BOB, 1);
        submit(BOB, ALICE, 1);
        refused(ALICE, abi.encodeCall(main.confirmOrder, (ALICE, ALICE, 0)), "No such order.");
        refused(ALICE, abi.encodeCall(main.confirmOrder, (ALICE, ALICE, 1)), "No such order.");
    }

    // transferFrom

    function test_collect_pays_without_the_buyer() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        collect(BOB, ALICE, 4);
        isClosed(ALICE, BOB);
        owns(ALICE, 6, 2, 0);
        owns(BOB, 14, 0, 0);
        locks(ALICE, BOB, 2, true);
        vm.assertEq(main.getApprovalFor(BOB), 2, "locked for Bob");
    }

    function test_collect_of_the_whole_lock_takes_the_direct_way_away() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 6);
        collect(BOB, ALICE, 6);
        locks(ALICE, BOB, 0, false);
        owns(ALICE, 4, 0, 0);
    }

    function test_collect_is_announced_as_a_transfer() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        vm.recordLogs();
        collect(BOB, ALICE, 4);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "number of events");
        vm.assertEq(logs[0].topics[0], Main.Transfer.selector, "topic 0");
        vm.assertEq(logs[0].topics[1], bytes32(uint256(uint160(ALICE))), "topic 1");
        vm.assertEq(logs[0].topics[2], bytes32(uint256(uint160(BOB))), "topic 2");
        vm.assertEq(logs[0].data, abi.encode(4), "data");
    }

    function test_collect_by_anyone_but_the_seller_is_refused() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        bytes memory call = abi.encodeCall(main.transferFrom, (ALICE, BOB, 4));
        refused(ALICE, call, "Caller is not the spender.");
        refused(CAROL, call, "Caller is not the spender.");
    }

    function test_collect_under_approve_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        bytes memory call = abi.encodeCall(main.transferFrom, (ALICE, BOB, 4));
        refused(BOB, call, "Sender has not authorized the spender.");
    }

    function test_collect_without_an_order_is_refused() public {
        authorize(ALICE, BOB, 6);
        bytes memory call = abi.encodeCall(main.transferFrom, (ALICE, BOB, 4));
        refused(BOB, call, "Sender has no open orders.");
    }

    function test_collect_twice_is_refused() public {
        authorize(ALICE, BOB, 8);
        submit(BOB, ALICE, 4);
        collect(BOB, ALICE, 4);
        bytes memory call = abi.encodeCall(main.transferFrom, (ALICE, BOB, 4));
        refused(BOB, call, "Sender has no open orders.");
    }

    function test_collect_by_a_seller_who_could_no_longer_refund_is_refused() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        withdraw(BOB, 7);
        bytes memory call = abi.encodeCall(main.transferFrom, (ALICE, BOB, 4));
        refused(BOB, call, "Spender does not have enough balance.");
        deposit(BOB, 1);
        collect(BOB, ALICE, 4);
        owns(BOB, 8, 0, 0);
    }

    function test_collect_of_the_largest_amount_is_refused() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        refused(BOB, abi.encodeCall(main.transferFrom, (ALICE, BOB, type(uint256).max)), POOR);
    }

    function test_collect_of_one_wei_less_or_more_is_refused() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        refused(BOB, abi.encodeCall(main.transferFrom, (ALICE, BOB, 3)), SENDER_PLACED);
        refused(BOB, abi.encodeCall(main.transferFrom, (ALICE, BOB, 5)), "No such order.");
    }

    function test_collect_checks_in_the_documented_order() public {
        deposit(BOB, 2);
        refused(ALICE, abi.encodeCall(main.transferFrom, (ALICE, BOB, 11)), "Caller is not the spender.");
        refused(BOB, abi.encodeCall(main.transferFrom, (ALICE, BOB, 11)), POOR);
        bytes memory ten = abi.encodeCall(main.transferFrom, (ALICE, BOB, 10));
        withdraw(BOB, 3);
        refused(BOB, ten, "Spender does not have enough balance.");
        deposit(BOB, 3);
        refused(BOB, ten, "Sender has no open orders.");
        approve(ALICE, CAROL, 1);
        submit(CAROL, ALICE, 1);
        refused(BOB, ten, "Spender has no open orders.");
        approve(ALICE, BOB, 4);
        submit(BOB, ALICE, 4);
        refused(BOB, abi.encodeCall(main.transferFrom, (ALICE, BOB, 3)), SENDER_PLACED);
        refused(BOB, ten, "No such order.");
        bytes memory four = abi.encodeCall(main.transferFrom, (ALICE, BOB, 4));
        refused(BOB, four, "Sender has not authorized the spender.");
    }

    function test_collect_of_the_order_the_other_way_round_is_refused() public {
        authorize(BOB, ALICE, 6);
        submit(ALICE, BOB, 4);
        refused(BOB, abi.encodeCall(main.transferFrom, (ALICE, BOB, 3)), SPENDER_PLACED);
        refused(BOB, abi.encodeCall(main.transferFrom, (ALICE, BOB, 4)), "No such order.");
    }

    // cancelOrder

    function test_cancel_by_the_seller_closes_the_order_and_keeps_the_lock() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        vm.expectEmit(address(main));
        emit Main.OrderCancelled(ALICE, BOB, 4);
        cancel(BOB, ALICE, BOB);
        isClosed(ALICE, BOB);
        locks(ALICE, BOB, 6, true);
        owns(ALICE, 10, 6, 0);
        owns(BOB, 10, 0, 0);
        vm.assertEq(main.getApprovalFor(BOB), 6, "locked for Bob");
    }

    function test_cancel_by_the_buyer_one_second_before_seven_days_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        vm.warp(NOON + 7 days - 1);
        bytes memory call = abi.encodeCall(main.cancelOrder, (ALICE, BOB));
        refused(ALICE, call, "Not authorized to cancel order.");
    }

    function test_cancel_by_the_buyer_at_seven_days_is_allowed() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        vm.warp(NOON + 7 days);
        cancel(ALICE, ALICE, BOB);
        isClosed(ALICE, BOB);
        owns(ALICE, 10, 6, 0);
        approve(ALICE, BOB, 0);
        withdraw(ALICE, 10);
    }

    function test_cancel_counts_the_seven_days_from_the_order_not_from_the_lock() public {
        approve(ALICE, BOB, 6);
        vm.warp(NOON + 7 days);
        submit(BOB, ALICE, 4);
        bytes memory call = abi.encodeCall(main.cancelOrder, (ALICE, BOB));
        refused(ALICE, call, "Not authorized to cancel order.");
    }

    function test_cancel_by_the_buyer_works_against_a_direct_lock_too() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        vm.warp(NOON + 7 days);
        cancel(ALICE, ALICE, BOB);
        approve(ALICE, BOB, 0);
        owns(ALICE, 10, 0, 0);
    }

    function test_cancel_by_a_stranger_is_refused_at_any_time() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        bytes memory call = abi.encodeCall(main.cancelOrder, (ALICE, BOB));
        refused(CAROL, call, "Not authorized to cancel order.");
        vm.warp(NOON + 365 days);
        refused(CAROL, call, "Not authorized to cancel order.");
    }

    function test_cancel_of_no_order_is_refused() public {
        approve(ALICE, BOB, 6);
        bytes memory call = abi.encodeCall(main.cancelOrder, (ALICE, BOB));
        refused(BOB, call, "No such order.");
        submit(BOB, ALICE, 4);
        refused(BOB, abi.encodeCall(main.cancelOrder, (BOB, ALICE)), "No such order.");
        cancel(BOB, ALICE, BOB);
        refused(BOB, call, "No such order.");
    }

    // orderSubmitted

    function test_print_shows_the_open_order_and_changes_nothing() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        vm.warp(NOON + 1 hours);
        vm.recordLogs();
        vm.prank(BOB);
        main.orderSubmitted(ALICE, 4);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "number of events");
        vm.assertEq(logs[0].topics.length, 3, "number of topics");
        vm.assertEq(logs[0].topics[0], keccak256("OrderInfo(address,address,uint256,uint256)"), "topic 0");
        vm.assertEq(logs[0].topics[1], bytes32(uint256(uint160(ALICE))), "topic 1");
        vm.assertEq(logs[0].topics[2], bytes32(uint256(uint160(BOB))), "topic 2");
        vm.assertEq(logs[0].data, abi.encode(4, NOON), "data");
        isOpen(ALICE, BOB, 4, NOON);
        owns(ALICE, 10, 6, 1);
    }

    function test_print_of_another_amount_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        refused(BOB, abi.encodeCall(main.orderSubmitted, (ALICE, 3)), "No such order.");
        refused(BOB, abi.encodeCall(main.orderSubmitted, (ALICE, 5)), "No such order.");
        refused(BOB, abi.encodeCall(main.orderSubmitted, (ALICE, 2 ** 192 + 4)), "No such order.");
    }

    function test_print_without_an_order_is_refused() public {
        refused(BOB, abi.encodeCall(main.orderSubmitted, (ALICE, 0)), "No such order.");
        refused(BOB, abi.encodeCall(main.orderSubmitted, (ALICE, 4)), "No such order.");
    }

    function test_print_by_anyone_but_the_seller_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        refused(ALICE, abi.encodeCall(main.orderSubmitted, (ALICE, 4)), "No such order.");
        refused(ALICE, abi.encodeCall(main.orderSubmitted, (BOB, 4)), "No such order.");
        refused(CAROL, abi.encodeCall(main.orderSubmitted, (ALICE, 4)), "No such order.");
    }

    // The whole way

    function test_life_cycle_from_ether_to_ether_at_an_address_with_code_alone() public {
        address payable predeploy = payable(address(0x4d61696e));
        vm.etch(predeploy, type(Main).runtimeCode);
        main = Main(predeploy);
        deposit(ALICE, 10);
        deposit(BOB, 10);
        authorize(ALICE, BOB, 7);
        submit(BOB, ALICE, 5);
        collect(BOB, ALICE, 5);
        submit(BOB, ALICE, 2);
        confirm(ALICE, BOB, 2);
        withdraw(ALICE, 3);
        withdraw(BOB, 17);
        vm.assertEq(ALICE.balance, 3, "ether of Alice");
        vm.assertEq(BOB.balance, 17, "ether of Bob");
        vm.assertEq(predeploy.balance, 0, "ether of Main");
    }

    // Any amounts, callers and times

    function testFuzz_an_order_is_paid_exactly_once_and_exactly(uint192 amount, uint64 more, uint256 other) public {
        vm.assume(amount > 0 && other != amount && other != 0);
        deposit(ALICE, uint256(amount) + more);
        approve(ALICE, BOB, uint256(amount) + more);
        submit(BOB, ALICE, amount);
        bytes memory wrong = abi.encodeCall(main.confirmOrder, (ALICE, BOB, other));
        refused(ALICE, wrong, other < amount ? SENDER_PLACED : "No such order.");
        confirm(ALICE, BOB, amount);
        owns(ALICE, uint256(more) + 10, more, 0);
        owns(BOB, uint256(amount) + 10, 0, 0);
    }

    function testFuzz_only_the_two_parties_touch_an_order(address caller) public {
        vm.assume(caller != ALICE && caller != BOB && caller != address(vm));
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        vm.warp(NOON + 30 days);
        refused(caller, abi.encodeCall(main.confirmOrder, (ALICE, BOB, 4)), "Caller is not the sender.");
        refused(caller, abi.encodeCall(main.transferFrom, (ALICE, BOB, 4)), "Caller is not the spender.");
        refused(caller, abi.encodeCall(main.cancelOrder, (ALICE, BOB)), "Not authorized to cancel order.");
        refused(caller, abi.encodeCall(main.orderSubmitted, (ALICE, 4)), "No such order.");
    }

    function testFuzz_the_buyer_cancels_from_seven_days_on(uint32 later) public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        uint256 wait = later % 14 days;
        vm.warp(NOON + wait);
        if (wait < 7 days) {
            bytes memory call = abi.encodeCall(main.cancelOrder, (ALICE, BOB));
            refused(ALICE, call, "Not authorized to cancel order.");
        } else {
            cancel(ALICE, ALICE, BOB);
            isClosed(ALICE, BOB);
        }
    }
}
