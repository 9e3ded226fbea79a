// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {Stage} from "./Stage.sol";
import {vm} from "./Vm.sol";

/// What buyers set aside for sellers.
contract LocksTest is Stage {
    string private constant POOR = "Sender does not have enough balance.";

    function setUp() public override {
        super.setUp();
        deposit(ALICE, 10);
        deposit(BOB, 10);
    }

    // approve

    function test_approve_locks_for_one_seller() public {
        approve(ALICE, BOB, 4);
        locks(ALICE, BOB, 4, false);
        locks(ALICE, CAROL, 0, false);
        owns(ALICE, 10, 4, 0);
        owns(BOB, 10, 0, 0);
        vm.assertEq(main.getApprovalFor(BOB), 4, "locked for Bob");
        vm.assertEq(main.getApprovalFor(CAROL), 0, "locked for Carol");
    }

    function test_approve_is_announced() public {
        vm.expectEmit(address(main));
        emit Main.Locked(ALICE, BOB, 4, false);
        approve(ALICE, BOB, 4);
    }

    function test_approve_again_up_sets_and_does_not_add() public {
        approve(ALICE, BOB, 4);
        approve(ALICE, BOB, 10);
        locks(ALICE, BOB, 10, false);
        owns(ALICE, 10, 10, 0);
        vm.assertEq(main.getApprovalFor(BOB), 10, "locked for Bob");
    }

    function test_approve_again_down_frees_the_rest() public {
        approve(ALICE, BOB, 10);
        approve(ALICE, BOB, 4);
        locks(ALICE, BOB, 4, false);
        owns(ALICE, 10, 4, 0);
        vm.assertEq(main.getApprovalFor(BOB), 4, "locked for Bob");
        withdraw(ALICE, 6);
    }

    function test_approve_of_nothing_releases_the_lock() public {
        approve(ALICE, BOB, 10);
        vm.expectEmit(address(main));
        emit Main.Locked(ALICE, BOB, 0, false);
        approve(ALICE, BOB, 0);
        locks(ALICE, BOB, 0, false);
        owns(ALICE, 10, 0, 0);
        vm.assertEq(main.getApprovalFor(BOB), 0, "locked for Bob");
        withdraw(ALICE, 10);
    }

    function test_approve_of_nothing_for_a_stranger_by_a_stranger_changes_nothing() public {
        approve(CAROL, DAVE, 0);
        locks(CAROL, DAVE, 0, false);
        vm.assertFalse(main.isNode(CAROL) || main.isNode(DAVE), "a node without a credit");
    }

    function test_approve_below_the_open_order_is_refused() public {
        approve(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        refused(ALICE, abi.encodeCall(main.approve, (BOB, 3)), "Amount is below the open order.");
        refused(ALICE, abi.encodeCall(main.approve, (BOB, 0)), "Amount is below the open order.");
        approve(ALICE, BOB, 4);
        locks(ALICE, BOB, 4, false);
    }

    function test_approve_of_oneself_is_refused() public {
        refused(ALICE, abi.encodeCall(main.approve, (ALICE, 4)), "Invalid spender.");
    }

    function test_approve_of_nobody_is_refused() public {
        refused(ALICE, abi.encodeCall(main.approve, (address(0), 4)), "Invalid spender.");
    }

    function test_approve_of_main_is_refused() public {
        refused(ALICE, abi.encodeCall(main.approve, (address(main), 4)), "Invalid spender.");
    }

    function test_approve_of_more_than_the_balance_is_refused() public {
        refused(ALICE, abi.encodeCall(main.approve, (BOB, 11)), POOR);
        refused(ALICE, abi.encodeCall(main.approve, (BOB, type(uint256).max)), POOR);
    }

    function test_approve_again_may_use_what_the_old_lock_held_and_no_more() public {
        approve(ALICE, BOB, 4);
        approve(ALICE, CAROL, 3);
        refused(ALICE, abi.encodeCall(main.approve, (BOB, 8)), POOR);
        approve(ALICE, BOB, 7);
        owns(ALICE, 10, 10, 0);
    }

    function test_approve_needs_no_balance_of_the_seller() public {
        approve(ALICE, CAROL, 4);
        locks(ALICE, CAROL, 4, false);
    }

    function test_approve_after_authorize_takes_the_direct_way_away() public {
        authorize(ALICE, BOB, 4);
        approve(ALICE, BOB, 4);
        locks(ALICE, BOB, 4, false);
    }

    function test_approve_after_authorize_with_an_order_open_is_refused() public {
        authorize(ALICE, BOB, 4);
        submit(BOB, ALICE, 3);
        refused(ALICE, abi.encodeCall(main.approve, (BOB, 4)), "Order is open.");
        refused(ALICE, abi.encodeCall(main.approve, (BOB, 10)), "Order is open.");
        cancel(BOB, ALICE, BOB);
        approve(ALICE, BOB, 1);
        locks(ALICE, BOB, 1, false);
    }

    function test_approve_checks_in_the_documented_order() public {
        authorize(ALICE, BOB, 4);
        submit(BOB, ALICE, 3);
        refused(ALICE, abi.encodeCall(main.approve, (BOB, 2)), "Order is open.");
        refused(ALICE, abi.encodeCall(main.approve, (ALICE, 11)), "Invalid spender.");
        approve(BOB, CAROL, 5);
        submit(CAROL, BOB, 5);
        refused(BOB, abi.encodeCall(main.approve, (CAROL, 4)), "Amount is below the open order.");
        refused(BOB, abi.encodeCall(main.approve, (CAROL, 11)), POOR);
    }

    // authorize

    function test_authorize_locks_for_a_seller_who_may_collect() public {
        authorize(ALICE, BOB, 4);
        locks(ALICE, BOB, 4, true);
        locks(BOB, ALICE, 0, false);
        owns(ALICE, 10, 4, 0);
        vm.assertEq(main.getApprovalFor(BOB), 4, "locked for Bob");
    }

    function test_authorize_is_announced() public {
        vm.expectEmit(address(main));
        emit Main.Locked(ALICE, BOB, 4, true);
        authorize(ALICE, BOB, 4);
    }

    function test_authorize_sets_and_does_not_add() public {
        authorize(ALICE, BOB, 4);
        authorize(ALICE, BOB, 9);
        owns(ALICE, 10, 9, 0);
        authorize(ALICE, BOB, 2);
        owns(ALICE, 10, 2, 0);
        locks(ALICE, BOB, 2, true);
        vm.assertEq(main.getApprovalFor(BOB), 2, "locked for Bob");
    }

    function test_authorize_of_nothing_is_not_direct() public {
        authorize(ALICE, BOB, 4);
        vm.expectEmit(address(main));
        emit Main.Locked(ALICE, BOB, 0, false);
        authorize(ALICE, BOB, 0);
        locks(ALICE, BOB, 0, false);
        owns(ALICE, 10, 0, 0);
    }

    function test_authorize_of_a_seller_who_could_not_refund_is_refused() public {
        deposit(ALICE, 10);
        refused(ALICE, abi.encodeCall(main.authorize, (BOB, 11)), "Spender does not have enough balance.");
        refused(ALICE, abi.encodeCall(main.authorize, (CAROL, 1)), "Spender does not have enough balance.");
        authorize(ALICE, BOB, 10);
        locks(ALICE, BOB, 10, true);
    }

    function test_authorize_counts_the_locked_part_of_the_sellers_balance() public {
        approve(BOB, CAROL, 10);
        authorize(ALICE, BOB, 10);
        locks(ALICE, BOB, 10, true);
    }

    function test_authorize_of_oneself_nobody_or_main_is_refused() public {
        refused(ALICE, abi.encodeCall(main.authorize, (ALICE, 4)), "Invalid spender.");
        refused(ALICE, abi.encodeCall(main.authorize, (address(0), 0)), "Invalid spender.");
        refused(ALICE, abi.encodeCall(main.authorize, (address(main), 0)), "Invalid spender.");
    }

    function test_authorize_of_more_than_is_free_is_refused() public {
        deposit(BOB, 10);
        refused(ALICE, abi.encodeCall(main.authorize, (BOB, 11)), POOR);
        approve(ALICE, CAROL, 4);
        refused(ALICE, abi.encodeCall(main.authorize, (BOB, 7)), POOR);
        authorize(ALICE, BOB, 6);
        owns(ALICE, 10, 10, 0);
    }

    function test_authorize_below_the_open_order_is_refused() public {
        authorize(ALICE, BOB, 6);
        submit(BOB, ALICE, 4);
        refused(ALICE, abi.encodeCall(main.authorize, (BOB, 3)), "Amount is below the open order.");
        refused(ALICE, abi.encodeCall(main.authorize, (BOB, 0)), "Amount is below the open order.");
        authorize(ALICE, BOB, 4);
        locks(ALICE, BOB, 4, true);
    }

    function test_authorize_lets_a_seller_collect_an_order_placed_under_approve() public {
        approve(ALICE, BOB, 4);
        submit(BOB, ALICE, 4);
        authorize(ALICE, BOB, 4);
        collect(BOB, ALICE, 4);
        owns(BOB, 14, 0, 0);
    }

    function test_authorize_of_the_largest_amount_is_refused() public {
        bytes memory call = abi.encodeCall(main.authorize, (BOB, type(uint256).max));
        refused(ALICE, call, "Spender does not have enough balance.");
    }

    function test_authorize_checks_in_the_documented_order() public {
        refused(ALICE, abi.encodeCall(main.authorize, (ALICE, 11)), "Spender does not have enough balance.");
        refused(ALICE, abi.encodeCall(main.authorize, (ALICE, 1)), "Invalid spender.");
        deposit(BOB, 10);
        approve(ALICE, BOB, 4);
        submit(BOB, ALICE, 4);
        refused(ALICE, abi.encodeCall(main.authorize, (BOB, 3)), "Amount is below the open order.");
        refused(ALICE, abi.encodeCall(main.authorize, (BOB, 11)), POOR);
    }

    // Several parties

    function test_locks_for_two_sellers_share_one_balance() public {
        approve(ALICE, BOB, 6);
        refused(ALICE, abi.encodeCall(main.approve, (CAROL, 5)), POOR);
        approve(ALICE, CAROL, 4);
        owns(ALICE, 10, 10, 0);
        submit(BOB, ALICE, 6);
        confirm(ALICE, BOB, 6);
        locks(ALICE, CAROL, 4, false);
        owns(ALICE, 4, 4, 0);
    }

    function test_a_lock_for_one_seller_does_not_serve_another() public {
        approve(ALICE, BOB, 6);
        refused(CAROL, abi.encodeCall(main.submitOrder, (ALICE, 1)), "Not authorized to place order.");
    }

    function test_getApprovalFor_sums_the_locks_of_all_buyers() public {
        deposit(CAROL, 10);
        approve(ALICE, DAVE, 1);
        approve(BOB, DAVE, 2);
        approve(CAROL, DAVE, 4);
        approve(CAROL, ERIN, 3);
        vm.assertEq(main.getApprovalFor(DAVE), 7, "locked for Dave");
        vm.assertEq(main.getApprovalFor(ERIN), 3, "locked for Erin");
        approve(BOB, DAVE, 0);
        vm.assertEq(main.getApprovalFor(DAVE), 5, "locked for Dave");
    }

    function test_a_thousand_nodes_do_not_make_getApprovalFor_dearer() public {
        approve(ALICE, DAVE, 1);
        main.getApprovalFor(DAVE); // The first read of a slot costs more than those after it.
        uint256 before = gasOfGetApprovalFor(DAVE);
        deposit(BOB, 1_000);
        for (uint160 i = 1; i <= 1_000; ++i) {
            transfer(BOB, address(0xa0000 + i), 1);
        }
        approve(BOB, DAVE, 2);
        vm.assertEq(main.nodeCount(), 1_002, "number of nodes");
        vm.assertEq(gasOfGetApprovalFor(DAVE), before, "gas of getApprovalFor");
        vm.assertEq(main.getApprovalFor(DAVE), loopOverNodes(DAVE), "locked for Dave");
        vm.assertEq(main.getApprovalFor(DAVE), 3, "locked for Dave");
    }

    // A lock that changes while the seller looks

    function test_race_under_authorize_the_seller_may_collect_the_old_lock_and_then_the_new_one() public {
        authorize(ALICE, BOB, 4);
        submit(BOB, ALICE, 4);
        collect(BOB, ALICE, 4); // Before Alice's change from 4 to 3 is in a block.
        authorize(ALICE, BOB, 3);
        submit(BOB, ALICE, 3);
        collect(BOB, ALICE, 3);
        owns(ALICE, 3, 0, 0);
    }

    function test_race_under_approve_nothing_moves_without_the_buyer() public {
        approve(ALICE, BOB, 4);
        submit(BOB, ALICE, 4);
        bytes memory call = abi.encodeCall(main.transferFrom, (ALICE, BOB, 4));
        refused(BOB, call, "Sender has not authorized the spender.");
        refused(BOB, abi.encodeCall(main.confirmOrder, (ALICE, BOB, 4)), "Caller is not the sender.");
        refused(ALICE, abi.encodeCall(main.approve, (BOB, 3)), "Amount is below the open order.");
        owns(ALICE, 10, 4, 1);
    }

    // Any amounts

    function testFuzz_the_last_lock_counts(uint256 first, uint256 second, uint256 other) public {
        first %= 11;
        other %= 11 - first;
        second %= 11 - other;
        approve(ALICE, BOB, first);
        approve(ALICE, CAROL, other);
        approve(ALICE, BOB, second);
        locks(ALICE, BOB, second, false);
        owns(ALICE, 10, second + other, 0);
        vm.assertEq(main.getApprovalFor(BOB), second, "locked for Bob");
        vm.assertEq(main.getApprovalFor(CAROL), other, "locked for Carol");
    }

    function testFuzz_a_lock_above_the_balance_is_refused(uint256 amount) public {
        vm.assume(amount > 10);
        refused(ALICE, abi.encodeCall(main.approve, (BOB, amount)), POOR);
        bytes memory call = abi.encodeCall(main.authorize, (BOB, amount));
        refused(ALICE, call, "Spender does not have enough balance.");
    }

    function testFuzz_a_lock_leaves_the_rest_free(uint256 amount) public {
        amount %= 11;
        approve(ALICE, BOB, amount);
        refused(ALICE, abi.encodeCall(main.withdraw, (10 - amount + 1)), POOR);
        if (amount < 10) withdraw(ALICE, 10 - amount);
        owns(ALICE, amount, amount, 0);
    }

    function gasOfGetApprovalFor(address seller) private view returns (uint256 gas) {
        gas = gasleft();
        main.getApprovalFor(seller);
        gas -= gasleft();
    }

    function loopOverNodes(address seller) private view returns (uint256 sum) {
        for (uint256 i = 0; i < main.nodeCount(); ++i) {
            (uint256 amount,) = main.locks(main.nodes(i), seller);
            sum += amount;
        }
    }
}
