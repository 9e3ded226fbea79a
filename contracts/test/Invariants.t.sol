// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {Market} from "./Market.sol";
import {deployMain} from "./Stage.sol";
import {vm} from "./Vm.sol";

/// What holds after any number of calls of any parties. forge calls the actions of Market at random and checks each claim
/// after each call. That no balance falls by another's hand is checked by Market itself, around every single call.
contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    bool public constant IS_TEST = true;

    /// No profile's runs are shorter. Shorter ones are made by forge when it looks for the shortest way to a failure.
    uint256 private constant WHOLE_RUN = 200;

    Main private main;
    Market private market;

    function setUp() public {
        main = deployMain();
        market = new Market(main);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(market);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory actions = new bytes4[](14);
        actions[0] = market.deposit.selector;
        actions[1] = market.withdraw.selector;
        actions[2] = market.transfer.selector;
        actions[3] = market.approve.selector;
        actions[4] = market.authorize.selector;
        actions[5] = market.submit.selector;
        actions[6] = market.confirm.selector;
        actions[7] = market.collect.selector;
        actions[8] = market.cancel.selector;
        actions[9] = market.print.selector;
        actions[10] = market.trade.selector;
        actions[11] = market.force.selector;
        actions[12] = market.trespass.selector;
        actions[13] = market.anything.selector;
        targets[0] = FuzzSelector(address(market), actions);
    }

    /// A run in which some action never succeeded proves nothing about it.
    function afterInvariant() public view {
        if (market.begun() < WHOLE_RUN) return;
        for (uint256 action = 0; action <= uint256(type(Market.Action).max); ++action) {
            uint256 times = market.succeeded(Market.Action(action));
            string memory name = vm.toString(action);
            vm.assertGe(times, 1, string.concat("successes of the action with number ", name));
        }
    }

    /// All claims in one campaign: forge would make the same calls again for each function of its own.
    function invariant_the_ledger_is_sound() public view {
        address[6] memory parties = market.everybody();
        theEtherOfMainIsWhatThePartiesOwnAndWhatWasForcedIn();
        whoOwnsAnythingIsANodeAndNoNodeIsListedTwice(parties);
        getApprovalForIsWhatALoopOverTheNodesFinds(parties);
        uint256 open = 0;
        for (uint256 i = 0; i < parties.length; ++i) {
            open += whatAPartyHasLockedIsTheSumOfItsLocksAndCovered(parties, parties[i]);
        }
        uint256 sum = 0;
        for (uint256 i = 0; i < parties.length; ++i) {
            sum += ordersCountsTheOpenOrdersOfAPartyOnEitherSide(parties, parties[i]);
        }
        vm.assertEq(sum, 2 * open, "the sum of orders, and twice the open orders");
        eachOrderEndsOnce(open);
    }

    function theEtherOfMainIsWhatThePartiesOwnAndWhatWasForcedIn() private view {
        uint256 owned = 0;
        uint256 nodes = main.nodeCount();
        for (uint256 i = 0; i < nodes; ++i) {
            owned += main.balances(main.nodes(i));
        }
        vm.assertEq(address(main).balance, owned + market.forced(), "ether of Main");
        vm.assertEq(owned, market.deposited() - market.withdrawn(), "what the parties own");
    }

    function whoOwnsAnythingIsANodeAndNoNodeIsListedTwice(address[6] memory parties) private view {
        uint256 known = 0;
        for (uint256 i = 0; i < parties.length; ++i) {
            bool isNode = main.isNode(parties[i]);
            if (isNode) ++known;
            vm.assertTrue(isNode || main.balances(parties[i]) == 0, "a party with a balance is no node");
        }
        vm.assertEq(main.nodeCount(), known, "number of nodes");
        for (uint256 i = 0; i < known; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                vm.assertTrue(main.nodes(i) != main.nodes(j), "a node is listed twice");
            }
        }
    }

    function getApprovalForIsWhatALoopOverTheNodesFinds(address[6] memory parties) private view {
        uint256 nodes = main.nodeCount();
        for (uint256 i = 0; i < parties.length; ++i) {
            uint256 sum = 0;
            for (uint256 j = 0; j < nodes; ++j) {
                (uint256 amount,) = main.locks(main.nodes(j), parties[i]);
                sum += amount;
            }
            vm.assertEq(main.getApprovalFor(parties[i]), sum, "getApprovalFor");
        }
    }

    /// Also: an open order is covered by its lock, and an empty lock is never direct. Returns how many orders are open
    /// against the buyer.
    function whatAPartyHasLockedIsTheSumOfItsLocksAndCovered(address[6] memory parties, address buyer)
        private
        view
        returns (uint256 open)
    {
        uint256 sum = 0;
        for (uint256 i = 0; i < parties.length; ++i) {
            (uint256 amount, bool direct) = main.locks(buyer, parties[i]);
            uint256 order = openOrder(buyer, parties[i]);
            vm.assertLe(order, amount, "the open order, and its lock");
            vm.assertTrue(!direct || amount > 0, "an empty lock is direct");
            if (order > 0) ++open;
            sum += amount;
        }
        vm.assertEq(main.locked(buyer), sum, "locked, and the sum of the locks");
        vm.assertLe(sum, main.balances(buyer), "the sum of the locks, and the balance");
    }

    /// Also: two parties have no orders open in both directions. Returns the count.
    function ordersCountsTheOpenOrdersOfAPartyOnEitherSide(address[6] memory parties, address party)
        private
        view
        returns (uint256 count)
    {
        uint256 found = 0;
        for (uint256 i = 0; i < parties.length; ++i) {
            bool asBuyer = openOrder(party, parties[i]) > 0;
            bool asSeller = openOrder(parties[i], party) > 0;
            vm.assertFalse(asBuyer && asSeller, "orders are open in both directions");
            if (asBuyer || asSeller) ++found;
        }
        count = main.orders(party);
        vm.assertEq(count, found, "orders, and the open orders of the party");
    }

    function eachOrderEndsOnce(uint256 open) private view {
        uint256 ended = market.confirmed() + market.collected() + market.cancelled();
        vm.assertEq(market.submitted(), ended + open, "orders submitted, and orders ended or open");
    }

    function openOrder(address buyer, address seller) private view returns (uint256 amount) {
        (amount,) = main.openOrders(buyer, seller);
    }
}
