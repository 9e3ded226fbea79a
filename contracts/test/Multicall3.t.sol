// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Multicall3} from "../Multicall3.sol";
import {vm} from "./Vm.sol";

/// Answers, counts and refuses.
contract Target {
    error No(uint256 number);

    uint256 public calls;

    function echo(uint256 number) external payable returns (uint256, uint256) {
        ++calls;
        return (number, msg.value);
    }

    function refuse(uint256 number) external payable {
        ++calls;
        revert No(number);
    }
}

contract Multicall3Test {
    bool public constant IS_TEST = true;

    Multicall3 private multicall;
    Target private target;

    function setUp() public {
        multicall = new Multicall3();
        target = new Target();
        vm.deal(address(this), 100);
        vm.roll(1_000);
    }

    // aggregate

    function test_aggregate_makes_each_call_in_order() public {
        (uint256 number, bytes[] memory answers) = multicall.aggregate(calls(echo(1), echo(2)));
        vm.assertEq(number, 1_000, "block number");
        vm.assertEq(answers.length, 2, "number of answers");
        vm.assertEq(answers[0], abi.encode(1, 0), "first answer");
        vm.assertEq(answers[1], abi.encode(2, 0), "second answer");
        vm.assertEq(target.calls(), 2, "number of calls");
    }

    function test_aggregate_of_nothing_answers_nothing() public {
        (uint256 number, bytes[] memory answers) = multicall.aggregate(new Multicall3.Call[](0));
        vm.assertEq(number, 1_000, "block number");
        vm.assertEq(answers.length, 0, "number of answers");
    }

    function test_aggregate_fails_whole_and_names_the_call() public {
        fails(abi.encodeCall(multicall.aggregate, (calls(echo(1), refusal(7)))), 1, 7);
    }

    // tryAggregate

    function test_tryAggregate_reports_a_failed_call_and_goes_on() public {
        Multicall3.Result[] memory results = multicall.tryAggregate(false, calls(refusal(7), echo(2)));
        vm.assertEq(results.length, 2, "number of results");
        isFailure(results[0], 7);
        isSuccess(results[1], 2, 0);
        vm.assertEq(target.calls(), 1, "number of calls that lasted");
    }

    function test_tryAggregate_fails_whole_where_success_is_required() public {
        fails(abi.encodeCall(multicall.tryAggregate, (true, calls(refusal(7), echo(2)))), 0, 7);
    }

    function test_tryAggregate_where_success_is_required_and_had() public {
        Multicall3.Result[] memory results = multicall.tryAggregate(true, calls(echo(1), echo(2)));
        isSuccess(results[0], 1, 0);
        isSuccess(results[1], 2, 0);
    }

    // blockAndAggregate

    function test_blockAndAggregate_names_the_block() public {
        (uint256 number, bytes32 hash, Multicall3.Result[] memory results) =
            multicall.blockAndAggregate(calls(echo(1), echo(2)));
        vm.assertEq(number, 1_000, "block number");
        vm.assertEq(hash, bytes32(0), "hash of the block in which the call runs");
        vm.assertEq(results.length, 2, "number of results");
        isSuccess(results[0], 1, 0);
        isSuccess(results[1], 2, 0);
    }

    function test_blockAndAggregate_fails_whole() public {
        fails(abi.encodeCall(multicall.blockAndAggregate, (calls(echo(1), refusal(7)))), 1, 7);
    }

    function test_tryBlockAndAggregate_names_the_block_and_goes_on() public {
        (uint256 number, bytes32 hash, Multicall3.Result[] memory results) =
            multicall.tryBlockAndAggregate(false, calls(refusal(7), echo(2)));
        vm.assertEq(number, 1_000, "block number");
        vm.assertEq(hash, bytes32(0), "hash of the block in which the call runs");
        isFailure(results[0], 7);
        isSuccess(results[1], 2, 0);
    }

    function test_tryBlockAndAggregate_fails_whole_where_success_is_required() public {
        fails(abi.encodeCall(multicall.tryBlockAndAggregate, (true, calls(echo(1), refusal(7)))), 1, 7);
    }

    // aggregate3

    function test_aggregate3_lets_each_call_say_whether_it_may_fail() public {
        Multicall3.Result[] memory results = multicall.aggregate3(calls3(refusal(7), true, echo(2), false));
        vm.assertEq(results.length, 2, "number of results");
        isFailure(results[0], 7);
        isSuccess(results[1], 2, 0);
    }

    function test_aggregate3_fails_whole_where_the_failed_call_may_not() public {
        fails(abi.encodeCall(multicall.aggregate3, (calls3(echo(1), true, refusal(7), false))), 1, 7);
    }

    function test_aggregate3_of_an_account_without_code_succeeds_with_no_answer() public {
        Multicall3.Call3[] memory one = new Multicall3.Call3[](1);
        one[0] = Multicall3.Call3(address(0xdead), false, echo(1));
        Multicall3.Result[] memory results = multicall.aggregate3(one);
        vm.assertTrue(results[0].success, "the call failed");
        vm.assertEq(results[0].returnData.length, 0, "length of the answer");
    }

    // aggregate3Value

    function test_aggregate3Value_gives_each_call_its_ether() public {
        Multicall3.Result[] memory results =
            multicall.aggregate3Value{value: 7}(callsWithValue(echo(1), 3, false, echo(2), 4, false));
        isSuccess(results[0], 1, 3);
        isSuccess(results[1], 2, 4);
        vm.assertEq(address(target).balance, 7, "ether of the target");
        vm.assertEq(address(multicall).balance, 0, "ether left behind");
    }

    function test_aggregate3Value_keeps_what_a_failed_call_did_not_take() public {
        Multicall3.Result[] memory results =
            multicall.aggregate3Value{value: 7}(callsWithValue(refusal(7), 3, true, echo(2), 4, false));
        isFailure(results[0], 7);
        isSuccess(results[1], 2, 4);
        vm.assertEq(address(multicall).balance, 3, "ether left behind");
    }

    function test_aggregate3Value_fails_whole_where_the_failed_call_may_not() public {
        Multicall3.Call3Value[] memory batch = callsWithValue(echo(1), 3, true, refusal(7), 4, false);
        fails(7, abi.encodeCall(multicall.aggregate3Value, (batch)), 1, 7);
    }

    function test_aggregate3Value_wants_exactly_the_ether_that_the_calls_name() public {
        Multicall3.Call3Value[] memory batch = callsWithValue(echo(1), 3, false, echo(2), 4, false);
        bytes memory call = abi.encodeCall(multicall.aggregate3Value, (batch));
        for (uint256 sent = 6; sent <= 8; sent += 2) {
            (bool accepted, bytes memory answer) = address(multicall).call{value: sent}(call);
            vm.assertFalse(accepted, "accepted with another amount of ether");
            vm.assertEq(answer, abi.encodeWithSelector(Multicall3.ValueMismatch.selector, sent, 7), "the refusal");
        }
    }

    function test_aggregate3Value_cannot_overflow_the_sum() public {
        Multicall3.Call3Value[] memory batch = callsWithValue(echo(1), type(uint256).max, true, echo(2), 8, false);
        (bool accepted, bytes memory answer) =
            address(multicall).call{value: 7}(abi.encodeCall(multicall.aggregate3Value, (batch)));
        vm.assertFalse(accepted, "accepted with a sum that overflows");
        vm.assertEq(answer, abi.encodeWithSignature("Panic(uint256)", 0x11), "the refusal");
    }

    // The block

    function test_the_block_as_it_is() public {
        vm.warp(1_700_000_000);
        vm.fee(7);
        vm.coinbase(address(0xc0ffee));
        vm.prevrandao(bytes32(uint256(0xabc)));
        vm.chainId(4_242);
        vm.deal(address(0xa11ce), 12);
        vm.assertEq(multicall.getBlockNumber(), 1_000, "number");
        vm.assertEq(multicall.getCurrentBlockTimestamp(), 1_700_000_000, "timestamp");
        vm.assertEq(multicall.getBasefee(), 7, "base fee");
        vm.assertEq(multicall.getCurrentBlockCoinbase(), address(0xc0ffee), "coinbase");
        vm.assertEq(multicall.getCurrentBlockDifficulty(), 0xabc, "difficulty");
        vm.assertEq(multicall.getCurrentBlockGasLimit(), block.gaslimit, "gas limit");
        vm.assertEq(multicall.getChainId(), 4_242, "chain id");
        vm.assertEq(multicall.getEthBalance(address(0xa11ce)), 12, "ether of an account");
    }

    function test_the_hashes_of_the_blocks_before() public {
        vm.setBlockhash(999, keccak256("999"));
        vm.setBlockhash(998, keccak256("998"));
        vm.assertEq(multicall.getLastBlockHash(), keccak256("999"), "hash of the parent");
        vm.assertEq(multicall.getBlockHash(998), keccak256("998"), "hash of the parent's parent");
        vm.assertEq(multicall.getBlockHash(1_000), bytes32(0), "hash of this block");
        vm.assertEq(multicall.getBlockHash(1_001), bytes32(0), "hash of a block to come");
        vm.assertEq(multicall.getBlockHash(743), bytes32(0), "hash of a block 257 back");
    }

    function testFuzz_a_batch_of_any_length_answers_call_by_call(uint8 length, uint256 number) public {
        Multicall3.Call[] memory batch = new Multicall3.Call[](length);
        for (uint256 i = 0; i < length; ++i) {
            batch[i] = Multicall3.Call(address(target), i % 3 == 2 ? refusal(number ^ i) : echo(number ^ i));
        }
        Multicall3.Result[] memory results = multicall.tryAggregate(false, batch);
        vm.assertEq(results.length, length, "number of results");
        for (uint256 i = 0; i < length; ++i) {
            if (i % 3 == 2) isFailure(results[i], number ^ i);
            else isSuccess(results[i], number ^ i, 0);
        }
    }

    function echo(uint256 number) private pure returns (bytes memory) {
        return abi.encodeCall(Target.echo, (number));
    }

    function refusal(uint256 number) private pure returns (bytes memory) {
        return abi.encodeCall(Target.refuse, (number));
    }

    function calls(bytes memory first, bytes memory second) private view returns (Multicall3.Call[] memory batch) {
        batch = new Multicall3.Call[](2);
        batch[0] = Multicall3.Call(address(target), first);
        batch[1] = Multicall3.Call(address(target), second);
    }

    function calls3(bytes memory first, bool firstMayFail, bytes memory second, bool secondMayFail)
        private
        view
        returns (Multicall3.Call3[] memory batch)
    {
        batch = new Multicall3.Call3[](2);
        batch[0] = Multicall3.Call3(address(target), firstMayFail, first);
        batch[1] = Multicall3.Call3(address(target), secondMayFail, second);
    }

    function callsWithValue(
        bytes memory first,
        uint256 firstValue,
        bool firstMayFail,
        bytes memory second,
        uint256 secondValue,
        bool secondMayFail
    ) private view returns (Multicall3.Call3Value[] memory batch) {
        batch = new Multicall3.Call3Value[](2);
        batch[0] = Multicall3.Call3Value(address(target), firstMayFail, firstValue, first);
        batch[1] = Multicall3.Call3Value(address(target), secondMayFail, secondValue, second);
    }

    function isSuccess(Multicall3.Result memory result, uint256 number, uint256 value) private pure {
        vm.assertTrue(result.success, "a call that should succeed failed");
        vm.assertEq(result.returnData, abi.encode(number, value), "answer of a call that succeeded");
    }

    function isFailure(Multicall3.Result memory result, uint256 number) private pure {
        vm.assertFalse(result.success, "a call that should fail succeeded");
        vm.assertEq(result.returnData, abi.encodeWithSelector(Target.No.selector, number), "answer of a failed call");
    }

    function fails(bytes memory batch, uint256 index, uint256 number) private {
        fails(0, batch, index, number);
    }

    /// The whole batch fails with the index of the failed call and its answer, and no call of it lasts.
    function fails(uint256 value, bytes memory batch, uint256 index, uint256 number) private {
        (bool accepted, bytes memory answer) = address(multicall).call{value: value}(batch);
        vm.assertFalse(accepted, "a batch with a call that may not fail succeeded");
        bytes memory reason = abi.encodeWithSelector(Target.No.selector, number);
        vm.assertEq(answer, abi.encodeWithSelector(Multicall3.CallFailed.selector, index, reason), "the refusal");
        vm.assertEq(target.calls(), 0, "number of calls that lasted");
    }
}
