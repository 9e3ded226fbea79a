// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Vm: what forge offers to tests and scripts, as far as it is used here
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function prank(address caller) external;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function warp(uint256 timestamp) external;
    function roll(uint256 number) external;
    function fee(uint256 basefee) external;
    function coinbase(address beneficiary) external;
    function prevrandao(bytes32 value) external;
    function chainId(uint256 id) external;
    function blobhashes(bytes32[] calldata hashes) external;
    function setBlockhash(uint256 number, bytes32 hash) external;
    function assume(bool condition) external pure;
    function label(address account, string calldata name) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function expectEmit(address emitter) external;
    function toString(bytes calldata value) external pure returns (string memory);
    function toString(uint256 value) external pure returns (string memory);
    function envOr(string calldata name, bytes calldata otherwise) external view returns (bytes memory);
    function startBroadcast() external;
    function stopBroadcast() external;

    function assertTrue(bool claim, string calldata meaning) external pure;
    function assertFalse(bool claim, string calldata meaning) external pure;
    function assertEq(uint256 is_, uint256 wanted, string calldata meaning) external pure;
    function assertEq(address is_, address wanted, string calldata meaning) external pure;
    function assertEq(bytes32 is_, bytes32 wanted, string calldata meaning) external pure;
    function assertEq(bytes calldata is_, bytes calldata wanted, string calldata meaning) external pure;
    function assertEq(string calldata is_, string calldata wanted, string calldata meaning) external pure;
    function assertGe(uint256 is_, uint256 least, string calldata meaning) external pure;
    function assertLe(uint256 is_, uint256 most, string calldata meaning) external pure;
}

// Forge answers at this address: the last 20 bytes of keccak256("hevm cheat code").
Vm constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
