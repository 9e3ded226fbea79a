// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Till: refuses in every way that Solidity has
/// @notice What the end-to-end tests call to see how a tool understands a refusal.
contract Till {
    error Closed(address cashier, uint256 since);

    uint256[] public coins;

    event Counted(address indexed cashier, uint256 total);

    function close() external view {
        revert Closed(msg.sender, 7);
    }

    function complain() external pure {
        revert("The till is short.");
    }

    function overdraw(uint256 amount) external pure returns (uint256) {
        return 1 - amount;
    }

    function count() external returns (uint256 total) {
        coins.push(block.timestamp);
        total = coins.length;
        emit Counted(msg.sender, total);
    }

    function randomness() external view returns (uint256) {
        return block.prevrandao;
    }

    function coinbase() external view returns (address) {
        return block.coinbase;
    }
}
