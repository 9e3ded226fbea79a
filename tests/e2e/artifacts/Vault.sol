// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Ledger: refuses what is not there
library Ledger {
    error InsufficientBalance(address owner, uint256 has, uint256 wants);

    function take(mapping(address owner => uint256 amount) storage balances, uint256 amount) internal {
        uint256 has = balances[msg.sender];
        if (has < amount) {
            revert InsufficientBalance(msg.sender, has, amount);
        }
        balances[msg.sender] = has - amount;
    }
}

/// @title Vault: fails in every way that a stack trace has to find
contract Vault {
    using Ledger for mapping(address => uint256);

    event Taken(address indexed owner, uint256 amount);

    mapping(address owner => uint256 amount) public balances;
    uint256 public immutable FEE;
    uint256[] internal list;

    constructor(uint256 fee) {
        require(fee < 100, "The fee is too high.");
        FEE = fee;
    }

    modifier opened() {
        require(block.number > 0, "Closed.");
        _;
    }

    function deposit() external payable {
        balances[msg.sender] += msg.value;
    }

    function take(uint256 amount) external opened returns (uint256 left) {
        _take(amount + FEE);
        emit Taken(msg.sender, amount);
        left = balances[msg.sender];
    }

    function subtract(uint256 one, uint256 other) external pure returns (uint256) {
        return one - other;
    }

    function third() external view returns (uint256) {
        return list[2];
    }

    function _take(uint256 amount) private {
        balances.take(amount);
    }
}

/// @title Teller: asks the vault for others
contract Teller {
    Vault public immutable VAULT;

    constructor(Vault vault) {
        VAULT = vault;
    }

    function serve(uint256 amount) external returns (uint256) {
        return inner(amount);
    }

    /// What the vault says is not handed on.
    function tryToServe(uint256 amount) external {
        try VAULT.take(amount) {}
        catch {
            revert("The vault refuses.");
        }
    }

    function callNobody() external view returns (uint256) {
        return Vault(address(0xBEEF)).FEE();
    }

    function inner(uint256 amount) internal returns (uint256) {
        return VAULT.take(amount);
    }
}
