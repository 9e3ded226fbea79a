// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import "./console.sol";

/// @title Speaker: says something to every kind of function of the console
contract Speaker {
    function speak() external view {
        console.log();
        console.log("plain");
        console.log(uint256(7));
        console.log(true);
        console.log(address(this));
        console.log("sold %d of %s", uint256(3), "ten");
        console.log(address(1), false, "three", uint256(4));
        console.log("%s is %o", "x", uint256(255));
        console.logInt(-1);
        console.logUint(1);
        console.logString("text");
        console.logBool(false);
        console.logAddress(address(2));
        console.logBytes(hex"0102");
        console.logBytes1(hex"11");
        console.logBytes20(hex"2020202020202020202020202020202020202020");
        console.logBytes32(bytes32(uint256(32)));
        // As the first consoles hashed it.
        (bool done,) = CONSOLE.staticcall(abi.encodeWithSignature("log(string,uint)", "old", 5));
        (done,) = CONSOLE.staticcall(abi.encodeWithSignature("log(int)", int256(-5)));
    }

    function speakAndFail(uint256 number) external view {
        console.log("before the end", number);
        revert("The end.");
    }

    /// One call deeper.
    function whisper() external view {
        this.speakOnce();
    }

    function speakOnce() external view {
        console.log("from inside");
    }

    address private constant CONSOLE = 0x000000000000000000636F6e736F6c652e6c6f67;
}
