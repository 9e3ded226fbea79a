// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Multicall3: many calls in one
/// @notice Has the interface that clients expect at 0xcA11bde05977b3631167028862bE2a173976CA11: batches of calls, and the
/// block's values for calls that batch them along.
/// @dev Ether that a failed call did not take stays here, and the next caller may spend it: send exactly what the calls need.
contract Multicall3 {
    struct Call {
        address target;
        bytes callData;
    }

    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }

    struct Call3Value {
        address target;
        bool allowFailure;
        uint256 value;
        bytes callData;
    }

    struct Result {
        bool success;
        bytes returnData;
    }

    /// A call that must not fail did, and with it the batch. `index` counts from 0.
    error CallFailed(uint256 index, bytes returnData);

    /// The values of the calls do not add up to the ether that was sent along.
    error ValueMismatch(uint256 sent, uint256 needed);

    /// @notice Makes all calls, of which none may fail.
    function aggregate(Call[] calldata calls)
        external
        payable
        returns (uint256 blockNumber, bytes[] memory returnData)
    {
        blockNumber = block.number;
        Result[] memory results = _callEach(true, calls);
        returnData = new bytes[](results.length);
        for (uint256 i = 0; i < results.length; ++i) {
            returnData[i] = results[i].returnData;
        }
    }

    /// @notice Makes all calls; `requireSuccess` says whether none may fail.
    function tryAggregate(bool requireSuccess, Call[] calldata calls)
        external
        payable
        returns (Result[] memory returnData)
    {
        returnData = _callEach(requireSuccess, calls);
    }

    /// @notice Makes all calls, of which none may fail, and says in which block.
    /// @dev `blockHash` is always 0: a block's hash is not known inside it.
    function blockAndAggregate(Call[] calldata calls)
        external
        payable
        returns (uint256 blockNumber, bytes32 blockHash, Result[] memory returnData)
    {
        (blockNumber, blockHash, returnData) = _callEachInBlock(true, calls);
    }

    /// @notice Makes all calls and says in which block; `requireSuccess` says whether none may fail.
    /// @dev `blockHash` is always 0: a block's hash is not known inside it.
    function tryBlockAndAggregate(bool requireSuccess, Call[] calldata calls)
        external
        payable
        returns (uint256 blockNumber, bytes32 blockHash, Result[] memory returnData)
    {
        (blockNumber, blockHash, returnData) = _callEachInBlock(requireSuccess, calls);
    }

    /// @notice Makes all calls; each says whether it may fail.
    function aggregate3(Call3[] calldata calls) external payable returns (Result[] memory returnData) {
        returnData = new Result[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            Call3 calldata one = calls[i];
            returnData[i] = _call(i, one.target, 0, one.callData, one.allowFailure);
        }
    }

    /// @notice Makes all calls with the ether that each names; together they name exactly what was sent along.
    function aggregate3Value(Call3Value[] calldata calls) external payable returns (Result[] memory returnData) {
        uint256 needed = 0;
        for (uint256 i = 0; i < calls.length; ++i) {
            needed += calls[i].value;
        }
        require(msg.value == needed, ValueMismatch(msg.value, needed));

        returnData = new Result[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            Call3Value calldata one = calls[i];
            returnData[i] = _call(i, one.target, one.value, one.callData, one.allowFailure);
        }
    }

    /// @notice The hash of one of the last 256 blocks, otherwise 0.
    function getBlockHash(uint256 blockNumber) external view returns (bytes32 blockHash) {
        blockHash = blockhash(blockNumber);
    }

    function getBlockNumber() external view returns (uint256 blockNumber) {
        blockNumber = block.number;
    }

    function getCurrentBlockCoinbase() external view returns (address coinbase) {
        coinbase = block.coinbase;
    }

    /// @notice The difficulty under proof of work; since the merge the beacon chain's random value.
    function getCurrentBlockDifficulty() external view returns (uint256 difficulty) {
        difficulty = block.prevrandao;
    }

    function getCurrentBlockGasLimit() external view returns (uint256 gaslimit) {
        gaslimit = block.gaslimit;
    }

    function getCurrentBlockTimestamp() external view returns (uint256 timestamp) {
        timestamp = block.timestamp;
    }

    function getEthBalance(address addr) external view returns (uint256 balance) {
        balance = addr.balance;
    }

    function getLastBlockHash() external view returns (bytes32 blockHash) {
        blockHash = blockhash(block.number - 1);
    }

    function getBasefee() external view returns (uint256 basefee) {
        basefee = block.basefee;
    }

    function getChainId() external view returns (uint256 chainid) {
        chainid = block.chainid;
    }

    function _callEachInBlock(bool requireSuccess, Call[] calldata calls)
        private
        returns (uint256 blockNumber, bytes32 blockHash, Result[] memory results)
    {
        blockNumber = block.number;
        blockHash = blockhash(block.number);
        results = _callEach(requireSuccess, calls);
    }

    function _callEach(bool requireSuccess, Call[] calldata calls) private returns (Result[] memory results) {
        results = new Result[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            results[i] = _call(i, calls[i].target, 0, calls[i].callData, !requireSuccess);
        }
    }

    function _call(uint256 index, address target, uint256 value, bytes calldata data, bool allowFailure)
        private
        returns (Result memory result)
    {
        (result.success, result.returnData) = target.call{value: value}(data);
        require(result.success || allowFailure, CallFailed(index, result.returnData));
    }
}
