// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Stage} from "./Stage.sol";

/// What each step of an order costs. The numbers are in .gas-snapshot; `forge snapshot --check` compares them.
/// Everything that a step needs is prepared in setUp, so that a test is little more than its one call.
contract GasTest is Stage {
    function setUp() public override {
        super.setUp();
        deposit(ALICE, 100);
        deposit(BOB, 100);
        deposit(CAROL, 100);
        deposit(DAVE, 100);
        // Alice and Bob: nothing yet. Carol has a direct order of Dave open, Dave a plain one of Erin.
        authorize(CAROL, DAVE, 20);
        submit(DAVE, CAROL, 10);
        approve(DAVE, ERIN, 20);
        submit(ERIN, DAVE, 10);
        // Alice has locked for Carol, who has placed nothing.
        approve(ALICE, CAROL, 20);
    }

    function test_gas_of_the_first_deposit_of_a_party() public {
        deposit(ERIN, 100);
    }

    function test_gas_of_a_later_deposit() public {
        deposit(ALICE, 100);
    }

    function test_gas_of_withdraw() public {
        withdraw(BOB, 50);
    }

    function test_gas_of_transfer_to_a_node() public {
        transfer(ALICE, BOB, 50);
    }

    function test_gas_of_transfer_to_a_newcomer() public {
        transfer(ALICE, ERIN, 50);
    }

    function test_gas_of_a_first_approve() public {
        approve(ALICE, BOB, 50);
    }

    function test_gas_of_a_later_approve() public {
        approve(ALICE, CAROL, 50);
    }

    function test_gas_of_authorize() public {
        authorize(ALICE, BOB, 50);
    }

    function test_gas_of_submitOrder() public {
        submit(CAROL, ALICE, 10);
    }

    function test_gas_of_confirmOrder_to_a_newcomer() public {
        confirm(DAVE, ERIN, 10);
    }

    function test_gas_of_confirmOrder_to_a_node() public {
        confirm(CAROL, DAVE, 10);
    }

    function test_gas_of_transferFrom() public {
        collect(DAVE, CAROL, 10);
    }

    function test_gas_of_cancelOrder() public {
        cancel(DAVE, CAROL, DAVE);
    }

    function test_gas_of_getApprovalFor() public view {
        assert(main.getApprovalFor(ERIN) == 20);
    }
}
