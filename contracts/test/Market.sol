// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Main} from "../Main.sol";
import {Forcer} from "./Stage.sol";
import {vm} from "./Vm.sol";

/// @title Market: five parties who trade at random, a stranger, and a book of what happened
/// @notice The actions are what forge calls in random order. Each arranges what it needs and then must succeed, since random
/// calls alone almost never settle an order; `anything` is the one that does not arrange and may be refused. Every call to
/// Main goes through one place, which keeps the book and watches that nobody's balance falls by another's hand.
contract Market {
    enum Action {
        Deposit,
        Withdraw,
        Transfer,
        Approve,
        Authorize,
        Submit,
        Confirm,
        Collect,
        Cancel,
        Print,
        Trade,
        Force,
        Trespass,
        Anything
    }

    /// What `watched` remembers of a party from before a call.
    struct Before {
        uint256 balance;
        uint256 openToCaller;
        bool directToCaller;
    }

    uint256 private constant PARTIES = 6;
    uint256 private constant TRADERS = 5;
    uint256 private constant MOST = 1_000;

    Main public immutable MAIN;

    /// The last of them is the stranger, who trades only by chance.
    address[PARTIES] private parties;

    // The book
    mapping(Action action => uint256 times) public succeeded;
    uint256 public begun;
    mapping(address party => uint256 amount) public owned;
    mapping(address buyer => mapping(address seller => uint256 time)) private _placedAt;
    uint256 public deposited;
    uint256 public withdrawn;
    uint256 public forced;
    uint256 public submitted;
    uint256 public confirmed;
    uint256 public collected;
    uint256 public cancelled;

    /// The time, which forge sets back before each action.
    uint256 private _clock = 1_700_000_000;

    constructor(Main main) {
        MAIN = main;
        string[PARTIES] memory names = ["alice", "bob", "carol", "dave", "erin", "stranger"];
        for (uint256 i = 0; i < PARTIES; ++i) {
            parties[i] = address(uint160(uint256(keccak256(bytes(names[i])))));
            vm.label(parties[i], names[i]);
        }
    }

    /// Counts the action if it comes to its end.
    modifier counted(Action action) {
        vm.warp(_clock);
        ++begun;
        _;
        ++succeeded[action];
    }

    function everybody() external view returns (address[PARTIES] memory) {
        return parties;
    }

    // Actions

    function deposit(uint256 who, uint256 amount, bool plain) external counted(Action.Deposit) {
        bytes memory call = plain ? bytes("") : abi.encodeCall(MAIN.deposit, ());
        _must(_trader(who), _within(amount, 1, MOST), call);
    }

    function withdraw(uint256 who, uint256 amount) external counted(Action.Withdraw) {
        address party = _trader(who);
        _needFree(party, 1);
        _must(party, 0, abi.encodeCall(MAIN.withdraw, (_within(amount, 1, _free(party)))));
    }

    function transfer(uint256 from, uint256 to, uint256 amount) external counted(Action.Transfer) {
        (address sender, address recipient) = (_trader(from), _trader(to));
        _needNoOrder(sender, recipient);
        _needFree(sender, 1);
        _must(sender, 0, abi.encodeCall(MAIN.transfer, (sender, recipient, _within(amount, 1, _free(sender)))));
    }

    function approve(uint256 who, uint256 whom, uint256 amount) external counted(Action.Approve) {
        (address buyer, address seller) = _pair(who, whom);
        if (_isDirect(buyer, seller)) _needNoOrder(buyer, seller);
        uint256 most = _free(buyer) + _lock(buyer, seller);
        _must(buyer, 0, abi.encodeCall(MAIN.approve, (seller, _within(amount, _open(buyer, seller), most))));
        vm.assertFalse(_isDirect(buyer, seller), "approve left a lock direct");
    }

    function authorize(uint256 who, uint256 whom, uint256 amount) external counted(Action.Authorize) {
        (address buyer, address seller) = _pair(who, whom);
        _needBalance(seller, 1 + _open(buyer, seller));
        _needFree(buyer, 1);
        uint256 most = _free(buyer) + _lock(buyer, seller);
        if (most > MAIN.balances(seller)) most = MAIN.balances(seller);
        _must(buyer, 0, abi.encodeCall(MAIN.authorize, (seller, _within(amount, _open(buyer, seller), most))));
    }

    function submit(uint256 who, uint256 whom, uint256 amount) external counted(Action.Submit) {
        (address buyer, address seller) = _pair(who, whom);
        _place(buyer, seller, amount);
    }

    function confirm(uint256 which) external counted(Action.Confirm) {
        (address buyer, address seller) = _someOrder(which);
        _must(buyer, 0, abi.encodeCall(MAIN.confirmOrder, (buyer, seller, _open(buyer, seller))));
    }

    function collect(uint256 which) external counted(Action.Collect) {
        (address buyer, address seller) = _someOrder(which);
        uint256 amount = _open(buyer, seller);
        _needBalance(seller, amount);
        if (!_isDirect(buyer, seller)) _must(buyer, 0, abi.encodeCall(MAIN.authorize, (seller, amount)));
        _must(seller, 0, abi.encodeCall(MAIN.transferFrom, (buyer, seller, amount)));
    }

    function cancel(uint256 which, bool byBuyer) external counted(Action.Cancel) {
        (address buyer, address seller) = _someOrder(which);
        if (byBuyer) _needTime(buyer, seller);
        _must(byBuyer ? buyer : seller, 0, abi.encodeCall(MAIN.cancelOrder, (buyer, seller)));
    }

    function print(uint256 which) external counted(Action.Print) {
        (address buyer, address seller) = _someOrder(which);
        _must(seller, 0, abi.encodeCall(MAIN.orderSubmitted, (buyer, _open(buyer, seller))));
    }

    /// A whole order: lock, place, and one of the four ways in which it can go on.
    function trade(uint256 who, uint256 whom, uint256 amount, uint256 more, bool direct, uint8 ending)
        external
        counted(Action.Trade)
    {
        (address buyer, address seller) = _pair(who, whom);
        amount = _within(amount, 1, MOST);
        uint256 lock = amount + more % MOST;
        _needNoOrder(buyer, seller);
        _needFree(buyer, lock);
        if (direct) _needBalance(seller, lock);
        bytes memory call =
            direct ? abi.encodeCall(MAIN.authorize, (seller, lock)) : abi.encodeCall(MAIN.approve, (seller, lock));
        _must(buyer, 0, call);
        _must(seller, 0, abi.encodeCall(MAIN.submitOrder, (buyer, amount)));

        if (ending % 4 == 0) _must(buyer, 0, abi.encodeCall(MAIN.confirmOrder, (buyer, seller, amount)));
        if (ending % 4 == 1 && direct) _must(seller, 0, abi.encodeCall(MAIN.transferFrom, (buyer, seller, amount)));
        if (ending % 4 == 2) _must(seller, 0, abi.encodeCall(MAIN.cancelOrder, (buyer, seller)));
    }

    /// Ether that Main is given without being asked.
    function force(uint256 amount) external counted(Action.Force) {
        amount = _within(amount, 1, MOST);
        vm.deal(address(this), amount);
        new Forcer{value: amount}(payable(address(MAIN)));
        forced += amount;
    }

    /// Somebody does with an open order what only another may do, or may do later. Main must refuse all of it.
    function trespass(uint256 which, uint256 who) external counted(Action.Trespass) {
        (address buyer, address seller) = _someOrder(which);
        address caller = parties[who % PARTIES];
        uint256 amount = _open(buyer, seller);
        bool isBuyer = caller == buyer;
        bool isSeller = caller == seller;

        if (!isBuyer) {
            _mustNot(caller, abi.encodeCall(MAIN.transfer, (buyer, caller, 1)));
            _mustNot(caller, abi.encodeCall(MAIN.confirmOrder, (buyer, seller, amount)));
        }
        if (!isSeller || !_isDirect(buyer, seller)) {
            _mustNot(caller, abi.encodeCall(MAIN.transferFrom, (buyer, seller, amount)));
        }
        if (!isSeller && !(isBuyer && _isOverdue(buyer, seller))) {
            _mustNot(caller, abi.encodeCall(MAIN.cancelOrder, (buyer, seller)));
        }
        if (!isSeller) _mustNot(caller, abi.encodeCall(MAIN.submitOrder, (buyer, 1 + _lock(buyer, caller))));
        _mustNot(buyer, abi.encodeCall(MAIN.withdraw, (1 + _free(buyer))));
        _mustNot(buyer, abi.encodeCall(MAIN.transfer, (buyer, caller, 1 + _free(buyer))));
        if (_isDirect(buyer, seller)) _mustNot(buyer, abi.encodeCall(MAIN.approve, (seller, amount)));
        _mustNot(buyer, abi.encodeCall(MAIN.approve, (seller, amount - 1)));
        _mustNot(buyer, abi.encodeCall(MAIN.approve, (buyer, 0)));
        _mustNot(buyer, abi.encodeCall(MAIN.authorize, (seller, 1 + MAIN.balances(seller))));
        _mustNot(buyer, abi.encodeCall(MAIN.confirmOrder, (buyer, seller, amount + 1)));
        _mustNot(seller, abi.encodeCall(MAIN.submitOrder, (buyer, amount)));
        _mustNot(buyer, abi.encodeCall(MAIN.submitOrder, (seller, 1)));
    }

    /// Any party calls any function with any parties and an amount that may well fit. Most of these calls are refused.
    /// What counts as a success is that they did no harm.
    function anything(uint256 seed) external counted(Action.Anything) {
        for (uint256 i = 0; i < 4; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            _guess(uint32(seed), uint32(seed >> 32), uint32(seed >> 64), uint32(seed >> 96), seed >> 128);
        }
    }

    function _guess(uint256 who, uint256 first, uint256 second, uint256 what, uint256 raw) private {
        (address a, address b) = (_anybody(first), _anybody(second));
        uint256[7] memory amounts = [0, 1, _open(a, b), _open(b, a), _lock(a, b), MAIN.balances(a), raw % (2 * MOST)];
        uint256 amount = amounts[(raw >> 64) % amounts.length];
        bytes[11] memory calls = [
            bytes(""),
            abi.encodeCall(MAIN.deposit, ()),
            abi.encodeCall(MAIN.withdraw, (amount)),
            abi.encodeCall(MAIN.transfer, (a, b, amount)),
            abi.encodeCall(MAIN.approve, (b, amount)),
            abi.encodeCall(MAIN.authorize, (b, amount)),
            abi.encodeCall(MAIN.submitOrder, (a, amount)),
            abi.encodeCall(MAIN.confirmOrder, (a, b, amount)),
            abi.encodeCall(MAIN.transferFrom, (a, b, amount)),
            abi.encodeCall(MAIN.cancelOrder, (a, b)),
            abi.encodeCall(MAIN.orderSubmitted, (a, amount))
        ];
        uint256 chosen = what % calls.length;
        _watched(parties[who % PARTIES], chosen < 2 ? amount : 0, calls[chosen]);
    }

    // What an action needs first

    function _needFree(address party, uint256 amount) private {
        uint256 free = _free(party);
        if (free < amount) _must(party, amount - free, abi.encodeCall(MAIN.deposit, ()));
    }

    function _needBalance(address party, uint256 amount) private {
        uint256 balance = MAIN.balances(party);
        if (balance < amount) _must(party, amount - balance, abi.encodeCall(MAIN.deposit, ()));
    }

    /// No order between the two, in either direction: who placed one cancels it.
    function _needNoOrder(address buyer, address seller) private {
        if (_open(buyer, seller) > 0) _must(seller, 0, abi.encodeCall(MAIN.cancelOrder, (buyer, seller)));
        if (_open(seller, buyer) > 0) _must(buyer, 0, abi.encodeCall(MAIN.cancelOrder, (seller, buyer)));
    }

    /// The order is old enough for its buyer to cancel it.
    function _needTime(address buyer, address seller) private {
        if (_isOverdue(buyer, seller)) return;
        _clock = _placedAt[buyer][seller] + 7 days;
        vm.warp(_clock);
    }

    function _place(address buyer, address seller, uint256 amount) private {
        _needNoOrder(buyer, seller);
        if (_lock(buyer, seller) == 0) {
            _needFree(buyer, 1);
            _must(buyer, 0, abi.encodeCall(MAIN.approve, (seller, _within(amount, 1, _free(buyer)))));
        }
        _must(seller, 0, abi.encodeCall(MAIN.submitOrder, (buyer, _within(amount, 1, _lock(buyer, seller)))));
    }

    /// One of the open orders, or a new one where there is none.
    function _someOrder(uint256 which) private returns (address buyer, address seller) {
        uint256 pairs = PARTIES * PARTIES;
        for (uint256 i = 0; i < pairs; ++i) {
            uint256 pair = (which % pairs + i) % pairs;
            (buyer, seller) = (parties[pair / PARTIES], parties[pair % PARTIES]);
            if (_open(buyer, seller) > 0) return (buyer, seller);
        }
        (buyer, seller) = _pair(which, which / TRADERS);
        _place(buyer, seller, which);
    }

    // The one place from which Main is called

    function _must(address caller, uint256 value, bytes memory call) private {
        (bool accepted, bytes memory answer) = _watched(caller, value, call);
        vm.assertTrue(accepted, string.concat("Main refused what it must accept: ", string(answer)));
    }

    function _mustNot(address caller, bytes memory call) private {
        (bool accepted,) = _watched(caller, 0, call);
        vm.assertFalse(accepted, string.concat("Main accepted what it must refuse: ", vm.toString(call)));
    }

    function _watched(address caller, uint256 value, bytes memory call)
        private
        returns (bool accepted, bytes memory answer)
    {
        Before[PARTIES] memory before;
        for (uint256 i = 0; i < PARTIES; ++i) {
            address party = parties[i];
            before[i] = Before(MAIN.balances(party), _open(party, caller), _isDirect(party, caller));
        }

        vm.deal(caller, caller.balance + value);
        vm.prank(caller);
        (accepted, answer) = address(MAIN).call{value: value}(call);

        if (accepted) _book(caller, value, call);
        for (uint256 i = 0; i < PARTIES; ++i) {
            _fellRightly(parties[i], before[i], caller, bytes4(call));
        }
    }

    function _book(address caller, uint256 value, bytes memory call) private {
        bytes4 selector = bytes4(call);
        if (call.length == 0 || selector == MAIN.deposit.selector) {
            deposited += value;
            owned[caller] += value;
        } else if (selector == MAIN.withdraw.selector) {
            withdrawn += _word(call, 0);
            owned[caller] -= _word(call, 0);
        } else if (selector == MAIN.transfer.selector) {
            _bookMove(call);
        } else if (selector == MAIN.submitOrder.selector) {
            ++submitted;
            _placedAt[_party(call, 0)][caller] = _clock;
        } else if (selector == MAIN.confirmOrder.selector) {
            ++confirmed;
            _bookMove(call);
        } else if (selector == MAIN.transferFrom.selector) {
            ++collected;
            _bookMove(call);
        } else if (selector == MAIN.cancelOrder.selector) {
            ++cancelled;
        }
    }

    /// From the first argument to the second, as much as the third says.
    function _bookMove(bytes memory call) private {
        owned[_party(call, 0)] -= _word(call, 2);
        owned[_party(call, 1)] += _word(call, 2);
    }

    /// A balance is what the book says, and falls only in a call of its owner, or of a seller who collects exactly the order that is open to it
    /// under a direct lock.
    function _fellRightly(address party, Before memory before, address caller, bytes4 selector) private view {
        uint256 balance = MAIN.balances(party);
        vm.assertEq(balance, owned[party], "balance, and what the book says");
        if (balance >= before.balance || caller == party) return;
        vm.assertTrue(selector == MAIN.transferFrom.selector, "a balance fell in a call of another");
        vm.assertTrue(before.directToCaller, "a balance fell to a seller who was not authorized");
        vm.assertEq(before.balance - balance, before.openToCaller, "what was collected, and the open order");
    }

    // Reading Main

    function _free(address party) private view returns (uint256) {
        return MAIN.balances(party) - MAIN.locked(party);
    }

    function _lock(address buyer, address seller) private view returns (uint256 amount) {
        (amount,) = MAIN.locks(buyer, seller);
    }

    function _isDirect(address buyer, address seller) private view returns (bool direct) {
        (, direct) = MAIN.locks(buyer, seller);
    }

    function _isOverdue(address buyer, address seller) private view returns (bool) {
        return _clock >= _placedAt[buyer][seller] + 7 days;
    }

    function _open(address buyer, address seller) private view returns (uint256 amount) {
        (amount,) = MAIN.openOrders(buyer, seller);
    }

    // From a random number to something that fits

    function _trader(uint256 seed) private view returns (address) {
        return parties[seed % TRADERS];
    }

    /// Two different traders.
    function _pair(uint256 first, uint256 second) private view returns (address, address) {
        uint256 buyer = first % TRADERS;
        return (parties[buyer], parties[(buyer + 1 + second % (TRADERS - 1)) % TRADERS]);
    }

    /// A party, now and then Main or nobody.
    function _anybody(uint256 seed) private view returns (address) {
        uint256 index = seed % (PARTIES + 2);
        if (index == PARTIES) return address(MAIN);
        return index > PARTIES ? address(0) : parties[index];
    }

    function _within(uint256 seed, uint256 least, uint256 most) private pure returns (uint256) {
        return least + seed % (most - least + 1);
    }

    /// An argument of a call, counted from 0.
    function _word(bytes memory data, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(data, add(36, mul(32, index))))
        }
    }

    function _party(bytes memory call, uint256 index) private pure returns (address) {
        return address(uint160(_word(call, index)));
    }
}
