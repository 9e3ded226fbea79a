// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Probe} from "./fixtures/Probe.sol";
import {Token} from "./fixtures/Token.sol";
import {Vm, vm} from "./Vm.sol";

/// The contracts that the node's own tests are run with do what those tests take for granted.
contract FixturesTest {
    bool public constant IS_TEST = true;

    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);

    Token private token;
    Probe private probe;

    receive() external payable {}

    function setUp() public {
        token = new Token(1_000);
        probe = new Probe();
        vm.deal(address(this), 100);
    }

    // Token

    function test_token_gives_the_supply_to_the_deployer() public view {
        vm.assertEq(token.totalSupply(), 1_000, "supply");
        vm.assertEq(token.balanceOf(address(this)), 1_000, "balance of the deployer");
        vm.assertEq(token.decimals(), 18, "decimals");
        vm.assertEq(token.name(), "Spring Token", "name");
        vm.assertEq(token.symbol(), "SPR", "symbol");
    }

    function test_token_moves() public {
        vm.expectEmit(address(token));
        emit Token.Transfer(address(this), ALICE, 10);
        vm.assertTrue(token.transfer(ALICE, 10), "transfer answered false");
        vm.assertEq(token.balanceOf(ALICE), 10, "balance of Alice");
        vm.assertEq(token.balanceOf(address(this)), 990, "balance of the deployer");
    }

    function test_token_does_not_move_what_is_not_there() public {
        fails(
            address(token),
            abi.encodeCall(token.transfer, (ALICE, 1_001)),
            abi.encodeWithSelector(Token.InsufficientBalance.selector, address(this), 1_000, 1_001)
        );
    }

    function test_token_moves_with_an_allowance_and_uses_it_up() public {
        vm.expectEmit(address(token));
        emit Token.Approval(address(this), BOB, 10);
        vm.assertTrue(token.approve(BOB, 10), "approve answered false");
        vm.prank(BOB);
        vm.assertTrue(token.transferFrom(address(this), ALICE, 6), "transferFrom answered false");
        vm.assertEq(token.allowance(address(this), BOB), 4, "what is left of the allowance");
        vm.assertEq(token.balanceOf(ALICE), 6, "balance of Alice");
        vm.prank(BOB);
        fails(
            address(token),
            abi.encodeCall(token.transferFrom, (address(this), ALICE, 5)),
            abi.encodeWithSelector(Token.InsufficientAllowance.selector, address(this), BOB, 4, 5)
        );
    }

    function test_token_never_uses_up_the_largest_allowance() public {
        token.approve(BOB, type(uint256).max);
        vm.prank(BOB);
        token.transferFrom(address(this), ALICE, 6);
        vm.assertEq(token.allowance(address(this), BOB), type(uint256).max, "allowance");
    }

    // Probe: ways to end

    function test_probe_ends_in_each_way() public {
        address where = address(probe);
        bytes memory reason = abi.encodeWithSignature("Error(string)", "Probe says no.");
        fails(where, abi.encodeCall(probe.revertWithReason, ()), reason);
        bytes memory custom = abi.encodeWithSelector(Probe.Refused.selector, address(this), 42);
        fails(where, abi.encodeCall(probe.revertWithError, (42)), custom);
        fails(where, abi.encodeCall(probe.revertWithNothing, ()), "");
        fails(where, abi.encodeCall(probe.failAssertion, ()), panic(0x01));
        fails(where, abi.encodeCall(probe.overflow, (1)), panic(0x11));
        fails(where, abi.encodeCall(probe.divide, (1, 0)), panic(0x12));
    }

    function test_probe_takes_all_gas() public {
        bytes[2] memory calls = [abi.encodeCall(probe.invalid, ()), abi.encodeCall(probe.loopForever, ())];
        for (uint256 i = 0; i < calls.length; ++i) {
            uint256 before = gasleft();
            (bool done, bytes memory answer) = address(probe).call{gas: 100_000}(calls[i]);
            vm.assertFalse(done, "the call ended well");
            vm.assertEq(answer.length, 0, "length of the answer");
            vm.assertGe(before - gasleft(), 100_000, "gas used");
        }
    }

    // Probe: what it leaves behind

    function test_probe_emits_logs_with_each_number_of_topics() public {
        vm.recordLogs();
        probe.emitEach(7);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 4, "number of logs");
        vm.assertEq(logs[0].topics.length, 1, "topics of the first log");
        vm.assertEq(logs[1].topics.length, 2, "topics of the second log");
        vm.assertEq(logs[2].topics.length, 4, "topics of the third log");
        vm.assertEq(logs[3].topics.length, 1, "topics of the fourth log");
        vm.assertEq(logs[3].topics[0], bytes32(uint256(7)), "the topic of the log without a signature");
    }

    function test_probe_emits_as_many_logs_as_it_is_told() public {
        vm.recordLogs();
        probe.emitMany(20);
        vm.assertEq(vm.getRecordedLogs().length, 20, "number of logs");
    }

    function test_probe_stores_and_clears() public {
        probe.store(5, 3, 9);
        vm.assertEq(probe.values(4) + probe.values(8), 0, "values beside those that were stored");
        vm.assertEq(probe.values(5) + probe.values(6) + probe.values(7), 27, "values that were stored");
        probe.store(6, 1, 0);
        vm.assertEq(probe.values(6), 0, "value that was cleared");
        vm.assertEq(probe.count(), 1, "first count");
        vm.assertEq(probe.count(), 2, "second count");
    }

    function test_probe_leaves_nothing_of_what_it_reverts() public {
        vm.expectEmit(address(probe));
        emit Probe.Plain(5);
        probe.storeAroundRevert(1, 5);
        vm.assertEq(probe.values(1), 5, "value");
    }

    function test_probe_sends_its_ether_where_it_is_told_when_destroyed() public {
        probe.send{value: 5}(payable(address(probe)));
        probe.destroy(payable(ALICE));
        vm.assertEq(ALICE.balance, 5, "ether of Alice");
    }

    function test_probe_creates_and_destroys_in_one_transaction() public {
        address child = probe.createAndDestroy{value: 5}(bytes32(0));
        vm.assertEq(child.balance, 0, "ether of the child");
        vm.assertEq(address(this).balance, 100, "ether of the caller");
    }

    // Probe: what it sees

    function test_probe_sees_the_block_and_the_transaction() public {
        vm.roll(1_000);
        vm.warp(1_700_000_000);
        vm.fee(7);
        vm.coinbase(BOB);
        vm.prevrandao(bytes32(uint256(0xabc)));
        vm.chainId(4_242);
        bytes32[] memory blobs = new bytes32[](1);
        blobs[0] = keccak256("blob");
        vm.blobhashes(blobs);
        vm.setBlockhash(999, keccak256("999"));
        Probe.Environment memory seen = probe.environment();
        vm.assertEq(seen.number, 1_000, "number");
        vm.assertEq(seen.timestamp, 1_700_000_000, "timestamp");
        vm.assertEq(seen.basefee, 7, "base fee");
        vm.assertEq(seen.coinbase, BOB, "coinbase");
        vm.assertEq(seen.prevrandao, 0xabc, "random value");
        vm.assertEq(seen.gaslimit, block.gaslimit, "gas limit");
        vm.assertEq(seen.chainid, 4_242, "chain id");
        vm.assertEq(seen.blobbasefee, block.blobbasefee, "blob base fee");
        vm.assertEq(seen.firstBlobHash, keccak256("blob"), "first blob hash");
        vm.assertEq(seen.parentHash, keccak256("999"), "hash of the parent");
        vm.assertEq(probe.blockHash(999), keccak256("999"), "hash of block 999");
        vm.assertEq(seen.gasprice, tx.gasprice, "gas price");
        vm.assertEq(seen.origin, tx.origin, "origin");
    }

    function panic(uint256 code) private pure returns (bytes memory) {
        return abi.encodeWithSignature("Panic(uint256)", code);
    }

    function fails(address where, bytes memory call, bytes memory wanted) private {
        (bool done, bytes memory answer) = where.call(call);
        vm.assertFalse(done, "the call ended well");
        vm.assertEq(answer, wanted, "answer of the failed call");
    }
}
