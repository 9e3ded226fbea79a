// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {Forcer, Stage} from "./Stage.sol";
import {Vm, vm} from "./Vm.sol";

/// Takes no ether.
contract Refuser {
    function deposit(Main main) external payable {
        main.deposit{value: msg.value}();
    }

    function withdraw(Main main, uint256 amount) external {
        main.withdraw(amount);
    }
}

/// Does more with the ether it gets than 2,300 gas would pay for.
contract Bookkeeper {
    event Booked(uint256 amount, uint256 balanceInMain);

    Main private immutable MAIN;
    uint256[3] public books;

    constructor(Main main) {
        MAIN = main;
    }

    receive() external payable {
        books = [msg.value, block.timestamp, block.number];
        emit Booked(msg.value, MAIN.balances(address(this)));
    }

    function deposit() external payable {
        MAIN.deposit{value: msg.value}();
    }

    function withdraw(uint256 amount) external {
        MAIN.withdraw(amount);
    }
}

/// Ether in, ether out, and balance from one party to another.
contract LedgerTest is Stage {
    string private constant POOR = "Sender does not have enough balance.";

    // deposit

    function test_deposit_becomes_balance() public {
        deposit(ALICE, 5);
        owns(ALICE, 5, 0, 0);
        vm.assertEq(address(main).balance, 5, "ether of Main");
    }

    function test_deposits_add_up() public {
        deposit(ALICE, 5);
        deposit(ALICE, 7);
        owns(ALICE, 12, 0, 0);
    }

    function test_deposit_makes_a_node_once() public {
        deposit(BOB, 1);
        deposit(ALICE, 1);
        deposit(BOB, 1);
        vm.assertEq(main.nodeCount(), 2, "number of nodes");
        vm.assertEq(main.nodes(0), BOB, "first node");
        vm.assertEq(main.nodes(1), ALICE, "second node");
        vm.assertTrue(main.isNode(ALICE) && main.isNode(BOB), "a depositor is no node");
        vm.assertFalse(main.isNode(CAROL), "a stranger is a node");
    }

    function test_deposit_is_announced() public {
        vm.deal(ALICE, 5);
        vm.prank(ALICE);
        vm.expectEmit(address(main));
        emit Main.Deposited(ALICE, 5);
        main.deposit{value: 5}();
    }

    function test_deposit_of_nothing_is_refused() public {
        refused(ALICE, abi.encodeCall(main.deposit, ()), "Invalid amount.");
        vm.assertFalse(main.isNode(ALICE), "a node without a credit");
    }

    function test_plain_ether_is_a_deposit() public {
        vm.deal(ALICE, 5);
        vm.expectEmit(address(main));
        emit Main.Deposited(ALICE, 5);
        vm.prank(ALICE);
        (bool accepted,) = address(main).call{value: 5}("");
        vm.assertTrue(accepted, "plain ether was refused");
        owns(ALICE, 5, 0, 0);
        vm.assertTrue(main.isNode(ALICE), "a depositor is no node");
    }

    function test_plain_ether_of_nothing_is_refused() public {
        refused(ALICE, "", "Invalid amount.");
    }

    function test_ether_with_an_unknown_call_is_refused() public {
        vm.deal(ALICE, 5);
        vm.prank(ALICE);
        (bool accepted, bytes memory answer) = address(main).call{value: 5}(hex"01020304");
        vm.assertFalse(accepted, "an unknown call was accepted");
        vm.assertEq(answer.length, 0, "length of the answer");
    }

    function test_ether_with_a_call_that_takes_none_is_refused() public {
        deposit(ALICE, 10);
        bytes[3] memory calls = [
            abi.encodeCall(main.withdraw, (1)),
            abi.encodeCall(main.transfer, (ALICE, BOB, 1)),
            abi.encodeCall(main.approve, (BOB, 1))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.deal(ALICE, 5);
            vm.prank(ALICE);
            (bool accepted, bytes memory answer) = address(main).call{value: 5}(calls[i]);
            vm.assertFalse(accepted, string.concat("ether was taken by call ", vm.toString(i)));
            vm.assertEq(answer.length, 0, "length of the answer");
        }
    }

    // withdraw

    function test_withdraw_gives_the_ether_back() public {
        deposit(ALICE, 5);
        withdraw(ALICE, 3);
        owns(ALICE, 2, 0, 0);
        vm.assertEq(ALICE.balance, 3, "ether of Alice");
        vm.assertEq(address(main).balance, 2, "ether of Main");
    }

    function test_withdraw_of_all_leaves_a_node() public {
        deposit(ALICE, 5);
        withdraw(ALICE, 5);
        owns(ALICE, 0, 0, 0);
        vm.assertTrue(main.isNode(ALICE), "a node was removed");
        vm.assertEq(main.nodeCount(), 1, "number of nodes");
    }

    function test_withdraw_is_announced() public {
        deposit(ALICE, 5);
        vm.expectEmit(address(main));
        emit Main.Withdrawn(ALICE, 3);
        withdraw(ALICE, 3);
    }

    function test_withdraw_of_nothing_is_refused() public {
        deposit(ALICE, 5);
        refused(ALICE, abi.encodeCall(main.withdraw, (0)), "Invalid amount.");
    }

    function test_withdraw_of_more_than_the_balance_is_refused() public {
        deposit(ALICE, 5);
        deposit(BOB, 5);
        refused(ALICE, abi.encodeCall(main.withdraw, (6)), POOR);
        refused(ALICE, abi.encodeCall(main.withdraw, (type(uint256).max)), POOR);
    }

    function test_withdraw_of_the_locked_part_is_refused() public {
        deposit(ALICE, 5);
        approve(ALICE, BOB, 3);
        refused(ALICE, abi.encodeCall(main.withdraw, (3)), POOR);
        withdraw(ALICE, 2);
        owns(ALICE, 3, 3, 0);
    }

    function test_withdraw_to_a_contract_that_refuses_changes_nothing() public {
        Refuser refuser = new Refuser();
        refuser.deposit{value: 5}(main);
        try refuser.withdraw(main, 5) {
            vm.assertTrue(false, "the withdrawal succeeded");
        } catch Error(string memory reason) {
            vm.assertEq(reason, "Withdrawal failed.", "the reason of the refusal");
        }
        owns(address(refuser), 5, 0, 0);
        vm.assertEq(address(main).balance, 5, "ether of Main");
    }

    function test_withdraw_hands_all_gas_on() public {
        Bookkeeper bookkeeper = new Bookkeeper(main);
        bookkeeper.deposit{value: 5}();
        bookkeeper.withdraw(5);
        vm.assertEq(bookkeeper.books(0), 5, "what the recipient wrote down");
    }

    function test_withdraw_takes_the_balance_and_announces_it_before_the_ether_leaves() public {
        Bookkeeper bookkeeper = new Bookkeeper(main);
        bookkeeper.deposit{value: 5}();
        vm.recordLogs();
        bookkeeper.withdraw(3);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2, "number of events");
        vm.assertEq(logs[0].topics[0], Main.Withdrawn.selector, "first event");
        vm.assertEq(logs[1].topics[0], Bookkeeper.Booked.selector, "second event");
        (, uint256 seen) = abi.decode(logs[1].data, (uint256, uint256));
        vm.assertEq(seen, 2, "balance that the recipient saw");
    }

    // transfer

    function test_transfer_moves_balance() public {
        deposit(ALICE, 5);
        deposit(BOB, 1);
        transfer(ALICE, BOB, 3);
        owns(ALICE, 2, 0, 0);
        owns(BOB, 4, 0, 0);
    }

    function test_transfer_makes_a_newcomer_a_node() public {
        deposit(ALICE, 5);
        transfer(ALICE, BOB, 3);
        vm.assertEq(main.nodeCount(), 2, "number of nodes");
        vm.assertEq(main.nodes(1), BOB, "second node");
    }

    function test_transfer_is_announced_as_erc20_does() public {
        deposit(ALICE, 5);
        vm.recordLogs();
        transfer(ALICE, BOB, 3);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "number of events");
        vm.assertEq(logs[0].topics.length, 3, "number of topics");
        vm.assertEq(logs[0].topics[0], keccak256("Transfer(address,address,uint256)"), "topic 0");
        vm.assertEq(logs[0].topics[1], bytes32(uint256(uint160(ALICE))), "topic 1");
        vm.assertEq(logs[0].topics[2], bytes32(uint256(uint160(BOB))), "topic 2");
        vm.assertEq(logs[0].data, abi.encode(3), "data");
    }

    function test_transfer_by_anyone_but_the_sender_is_refused() public {
        deposit(ALICE, 5);
        deposit(BOB, 5);
        bytes memory call = abi.encodeCall(main.transfer, (ALICE, BOB, 1));
        refused(BOB, call, "Caller is not the sender.");
        authorize(ALICE, BOB, 5);
        refused(BOB, call, "Caller is not the sender.");
    }

    function test_transfer_to_nobody_is_refused() public {
        deposit(ALICE, 5);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, address(0), 1)), "Invalid recipient.");
    }

    function test_transfer_to_main_is_refused() public {
        deposit(ALICE, 5);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, address(main), 1)), "Invalid recipient.");
    }

    function test_transfer_of_nothing_is_refused() public {
        deposit(ALICE, 5);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, BOB, 0)), "Invalid amount.");
        vm.assertFalse(main.isNode(BOB), "a node without a credit");
    }

    function test_transfer_of_more_than_the_balance_is_refused() public {
        deposit(ALICE, 5);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, BOB, 6)), POOR);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, BOB, type(uint256).max)), POOR);
    }

    function test_transfer_of_the_locked_part_is_refused() public {
        deposit(ALICE, 5);
        approve(ALICE, BOB, 3);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, CAROL, 3)), POOR);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, BOB, 3)), POOR);
        transfer(ALICE, CAROL, 2);
        owns(ALICE, 3, 3, 0);
    }

    function test_transfer_to_oneself_changes_nothing_and_is_announced() public {
        deposit(ALICE, 5);
        vm.expectEmit(address(main));
        emit Main.Transfer(ALICE, ALICE, 5);
        transfer(ALICE, ALICE, 5);
        owns(ALICE, 5, 0, 0);
        vm.assertEq(main.nodeCount(), 1, "number of nodes");
    }

    function test_transfer_to_oneself_of_more_than_is_free_is_refused() public {
        deposit(ALICE, 5);
        approve(ALICE, BOB, 3);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, ALICE, 3)), POOR);
    }

    function test_transfer_to_a_seller_with_an_open_order_is_refused() public {
        deposit(ALICE, 10);
        approve(ALICE, BOB, 3);
        submit(BOB, ALICE, 3);
        bytes memory call = abi.encodeCall(main.transfer, (ALICE, BOB, 3));
        refused(ALICE, call, "Recipient has already placed an order.");
        confirm(ALICE, BOB, 3);
        transfer(ALICE, BOB, 3);
        owns(BOB, 6, 0, 0);
    }

    function test_transfer_to_a_buyer_with_an_open_order_is_free() public {
        deposit(ALICE, 10);
        deposit(BOB, 10);
        approve(ALICE, BOB, 3);
        submit(BOB, ALICE, 3);
        transfer(BOB, ALICE, 4);
        owns(ALICE, 14, 3, 1);
        owns(BOB, 6, 0, 1);
    }

    function test_transfer_checks_in_the_documented_order() public {
        deposit(ALICE, 10);
        approve(ALICE, BOB, 4);
        submit(BOB, ALICE, 4);
        refused(BOB, abi.encodeCall(main.transfer, (ALICE, address(0), 0)), "Caller is not the sender.");
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, address(0), 0)), "Invalid recipient.");
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, BOB, 0)), "Invalid amount.");
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, BOB, 7)), POOR);
        refused(ALICE, abi.encodeCall(main.transfer, (ALICE, BOB, 6)), "Recipient has already placed an order.");
    }

    // Ether that nobody deposited

    function test_ether_forced_in_by_selfdestruct_belongs_to_nobody() public {
        deposit(ALICE, 5);
        vm.assertEq(surplus(), 0, "surplus before");
        new Forcer{value: 7}(payable(address(main)));
        vm.assertEq(surplus(), 7, "surplus after");
        refused(ALICE, abi.encodeCall(main.withdraw, (6)), POOR);
        withdraw(ALICE, 5);
        vm.assertEq(address(main).balance, 7, "ether of Main");
    }

    function test_ether_set_from_outside_belongs_to_nobody() public {
        deposit(ALICE, 5);
        vm.deal(address(main), 50);
        vm.assertEq(surplus(), 45, "surplus");
        owns(ALICE, 5, 0, 0);
    }

    // Any amounts

    function testFuzz_what_goes_in_comes_out(uint128 first, uint128 second, uint256 out) public {
        vm.assume(first > 0 && second > 0);
        uint256 balance = uint256(first) + second;
        deposit(ALICE, first);
        deposit(ALICE, second);
        out = out % balance + 1;
        withdraw(ALICE, out);
        owns(ALICE, balance - out, 0, 0);
        vm.assertEq(ALICE.balance, out, "ether of Alice");
        vm.assertEq(surplus(), 0, "surplus");
    }

    function testFuzz_nobody_moves_anothers_balance(address caller, address to, uint128 amount) public {
        vm.assume(caller != ALICE && caller != address(vm) && amount > 0);
        deposit(ALICE, amount);
        refused(caller, abi.encodeCall(main.transfer, (ALICE, to, amount)), "Caller is not the sender.");
        owns(ALICE, amount, 0, 0);
    }

    function testFuzz_a_transfer_keeps_the_sum(uint128 has, uint128 amount, address to) public {
        vm.assume(has > 0 && to != address(0) && to != address(main) && to != ALICE);
        deposit(ALICE, has);
        uint256 moved = uint256(amount) % has + 1;
        transfer(ALICE, to, moved);
        owns(ALICE, has - moved, 0, 0);
        owns(to, moved, 0, 0);
    }
}
