// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Main: who owns how much, and which orders are open between whom
/// @notice A ledger of ether for a market. A buyer (`sender`, who pays) sets money aside for a seller (`spender`, who is
/// paid); the seller places an order against it; the buyer confirms, or the seller collects where it was authorized to.
///
/// A lock is what a buyer has set aside for one seller. An order is what that seller asks for out of the lock; at most one
/// is open between two parties, in either direction. `approve` protects the buyer: nothing moves before the buyer
/// confirms. `authorize` protects the seller: the seller may collect without the buyer.
///
/// @dev There is no constructor, no immutable and no owner: the runtime code works at any address with empty storage, as
/// in a genesis file. No function loops, so nobody can make another party's call dearer.
contract Main {
    /// @notice What a buyer has set aside for one seller.
    struct Lock {
        /// How much, in wei.
        uint256 amount;
        /// Whether the seller may collect it without the buyer: set by `authorize`. Never without an amount.
        bool direct;
    }

    /// @notice What a seller asks for out of a lock; an amount of 0 means that no order is open.
    struct Order {
        /// How much, in wei.
        uint192 amount;
        /// The time of the block that opened it, in seconds.
        uint64 submittedAt;
    }

    /// @notice How long only the seller may cancel an order; from then on the buyer may, too.
    uint256 public constant ORDER_LIFETIME = 7 days;

    /// @notice All that a party owns in wei, the locked part included.
    mapping(address party => uint256 amount) public balances;

    /// @notice The number of open orders that a party takes part in, on either side.
    mapping(address party => uint256 count) public orders;

    /// @notice The sum of a party's locks in wei; what is free is the balance less this.
    mapping(address party => uint256 amount) public locked;

    /// @notice What the first party, a buyer, has set aside for the second, a seller.
    mapping(address sender => mapping(address spender => Lock lock)) public locks;

    /// @notice The order that the second party, a seller, has open against the first, a buyer.
    mapping(address sender => mapping(address spender => Order order)) public openOrders;

    /// @notice Every party that was ever credited, in order of arrival; none is ever removed.
    address[] public nodes;

    /// @notice Whether a party is one of the `nodes`.
    mapping(address party => bool known) public isNode;

    /// The sum of what all nodes have locked for a seller: what a loop over `nodes` would find.
    mapping(address spender => uint256 amount) private _approvedFor;

    /// @notice Ether became balance.
    event Deposited(address indexed node, uint256 amount);

    /// @notice Balance became ether.
    event Withdrawn(address indexed node, uint256 amount);

    /// @notice Balance moved from one party to another.
    event Transfer(address indexed sender, address indexed recipient, uint256 amount);

    /// @notice What `sender` has locked for `spender` is now `amount`.
    event Locked(address indexed sender, address indexed spender, uint256 amount, bool direct);

    /// @notice A seller opened an order against `sender`. Emitted once for each order.
    event OrderSubmitted(address indexed sender, uint256 amount);

    /// @notice The buyer paid an order.
    event OrderConfirmed(address indexed sender, address indexed spender, uint256 amount);

    /// @notice An order was closed unpaid.
    event OrderCancelled(address indexed sender, address indexed spender, uint256 amount);

    /// @notice The print of an open order. Changes nothing.
    event OrderInfo(address indexed sender, address indexed spender, uint256 amount, uint256 submittedAt);

    /// @notice Plain ether is a deposit.
    receive() external payable {
        _deposit();
    }

    /// @notice Turns the ether sent along into balance of the caller.
    function deposit() external payable {
        _deposit();
    }

    /// @notice Turns free balance of the caller into ether again.
    /// @dev The balance falls before the ether leaves: whoever calls back in finds it gone.
    function withdraw(uint256 amount) external {
        require(amount > 0, "Invalid amount.");
        require(_free(msg.sender) >= amount, "Sender does not have enough balance.");

        balances[msg.sender] -= amount;
        emit Withdrawn(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        require(paid, "Withdrawal failed.");
    }

    /// @notice Moves free balance of the caller to another party.
    /// @dev Refused while the recipient has an order open against the sender: `confirmOrder` pays that one, once.
    /// @param sender The caller.
    function transfer(address sender, address recipient, uint256 amount) external {
        require(msg.sender == sender, "Caller is not the sender.");
        require(recipient != address(0) && recipient != address(this), "Invalid recipient.");
        require(amount > 0, "Invalid amount.");
        require(_free(sender) >= amount, "Sender does not have enough balance.");
        require(openOrders[sender][recipient].amount == 0, "Recipient has already placed an order.");

        _move(sender, recipient, amount);
        emit Transfer(sender, recipient, amount);
    }

    /// @notice Sets what the caller locks for a seller, who is paid when the caller confirms. 0 releases the lock.
    /// @dev Refused while an order is open under an authorization: the seller relies on it.
    function approve(address spender, uint256 amount) external {
        require(!locks[msg.sender][spender].direct || openOrders[msg.sender][spender].amount == 0, "Order is open.");

        _setLock(spender, amount, false);
    }

    /// @notice Sets what the caller locks for a seller, who may collect it without the caller. 0 releases the lock.
    /// @dev A seller who collects unasked must be able to refund, so it has to own as much itself.
    function authorize(address spender, uint256 amount) external {
        require(balances[spender] >= amount, "Spender does not have enough balance.");

        _setLock(spender, amount, amount > 0);
    }

    /// @notice Opens an order of the caller, a seller, against what `sender` has locked for it.
    function submitOrder(address sender, uint256 amount) external {
        require(amount > 0 && amount <= type(uint192).max, "Invalid amount.");
        require(balances[sender] >= amount, "Sender does not have enough balance.");
        require(locks[sender][msg.sender].amount >= amount, "Not authorized to place order.");
        require(openOrders[sender][msg.sender].amount == 0, "Sender has already placed an order for the sender.");
        require(openOrders[msg.sender][sender].amount == 0, "Spender has already placed an order for the sender.");

        // The amount was compared with the type above; the time fits for longer than the sun will shine.
        // forge-lint: disable-next-line(unsafe-typecast)
        openOrders[sender][msg.sender] = Order({amount: uint192(amount), submittedAt: uint64(block.timestamp)});
        orders[sender] += 1;
        orders[msg.sender] += 1;
        emit OrderSubmitted(sender, amount);
    }

    /// @notice Pays the order that `spender` has open against the caller.
    /// @param sender The caller.
    function confirmOrder(address sender, address spender, uint256 amount) external {
        require(msg.sender == sender, "Caller is not the sender.");
        _requireOrder(sender, spender, amount);

        _settle(sender, spender, amount);
        emit OrderConfirmed(sender, spender, amount);
    }

    /// @notice Collects the order that the caller has open against `sender`, who authorized it.
    /// @param spender The caller.
    function transferFrom(address sender, address spender, uint256 amount) external {
        require(msg.sender == spender, "Caller is not the spender.");
        require(balances[sender] >= amount, "Sender does not have enough balance.");
        require(balances[spender] >= amount, "Spender does not have enough balance.");
        _requireOrder(sender, spender, amount);
        require(locks[sender][spender].direct, "Sender has not authorized the spender.");

        _settle(sender, spender, amount);
        emit Transfer(sender, spender, amount);
    }

    /// @notice Closes an open order unpaid: the seller at any time, the buyer after `ORDER_LIFETIME`. The lock stays.
    function cancelOrder(address sender, address spender) external {
        Order memory order = openOrders[sender][spender];
        require(order.amount > 0, "No such order.");
        require(
            msg.sender == spender || (msg.sender == sender && block.timestamp >= order.submittedAt + ORDER_LIFETIME),
            "Not authorized to cancel order."
        );

        _close(sender, spender);
        emit OrderCancelled(sender, spender, order.amount);
    }

    /// @notice Prints the order that the caller, a seller, has open against `sender`.
    /// @dev Not a second `OrderSubmitted`, which would make whoever counts orders count this one twice.
    function orderSubmitted(address sender, uint256 amount) external {
        Order memory order = openOrders[sender][msg.sender];
        require(amount > 0 && order.amount == amount, "No such order.");

        emit OrderInfo(sender, msg.sender, amount, order.submittedAt);
    }

    /// @notice What all nodes together have locked for `spender`, in wei.
    function getApprovalFor(address spender) external view returns (uint256) {
        return _approvedFor[spender];
    }

    /// @notice How many `nodes` there are.
    function nodeCount() external view returns (uint256) {
        return nodes.length;
    }

    function _deposit() private {
        require(msg.value > 0, "Invalid amount.");

        _credit(msg.sender, msg.value);
        emit Deposited(msg.sender, msg.value);
    }

    /// The lock rules, then the lock of the caller for `spender` and both sums that follow it.
    function _setLock(address spender, uint256 amount, bool direct) private {
        require(spender != msg.sender && spender != address(0) && spender != address(this), "Invalid spender.");
        require(amount >= openOrders[msg.sender][spender].amount, "Amount is below the open order.");
        uint256 before = locks[msg.sender][spender].amount;
        require(_free(msg.sender) + before >= amount, "Sender does not have enough balance.");

        locks[msg.sender][spender] = Lock({amount: amount, direct: direct});
        locked[msg.sender] = locked[msg.sender] - before + amount;
        _approvedFor[spender] = _approvedFor[spender] - before + amount;
        emit Locked(msg.sender, spender, amount, direct);
    }

    /// The order rules: exactly this order is open between the two, and none the other way round.
    function _requireOrder(address sender, address spender, uint256 amount) private view {
        uint256 open = openOrders[sender][spender].amount;
        require(orders[sender] > 0, "Sender has no open orders.");
        require(orders[spender] > 0, "Spender has no open orders.");
        require(open <= amount, "Sender has already placed an order for the sender.");
        require(openOrders[spender][sender].amount <= amount, "Spender has already placed an order for the sender.");
        require(open == amount && amount > 0, "No such order.");
    }

    /// Pays an open order out of its lock, which is never smaller.
    function _settle(address sender, address spender, uint256 amount) private {
        _close(sender, spender);

        Lock storage lock = locks[sender][spender];
        lock.amount -= amount;
        if (lock.amount == 0) lock.direct = false;
        locked[sender] -= amount;
        _approvedFor[spender] -= amount;

        _move(sender, spender, amount);
    }

    /// Undoes what `submitOrder` did.
    function _close(address sender, address spender) private {
        delete openOrders[sender][spender];
        orders[sender] -= 1;
        orders[spender] -= 1;
    }

    function _move(address from, address to, uint256 amount) private {
        balances[from] -= amount;
        _credit(to, amount);
    }

    /// The only place where a balance grows, so that nobody owns anything without being a node.
    function _credit(address party, uint256 amount) private {
        balances[party] += amount;
        if (!isNode[party]) {
            isNode[party] = true;
            nodes.push(party);
        }
    }

    /// What a party may move, lock or withdraw. Never negative: locks are made of free balance only.
    function _free(address party) private view returns (uint256) {
        return balances[party] - locked[party];
    }
}
