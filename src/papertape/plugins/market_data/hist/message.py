"""What the exchange says, message by message: TOPS 1.5 and 1.6, and DEEP 1.0 without its auctions.

Prices are dollars, sizes shares, times nanoseconds in UTC, flags bits. A message may be longer than
its kind was when this was written: what follows the known fields is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import TypeAlias

from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError

ISO, EXTENDED_HOURS, ODD_LOT = 0x80, 0x40, 0x20
"""Bits of a trade's flags."""


@dataclass(frozen=True, slots=True)
class SystemEvent:
    """O and C begin and end the messages, S and E the hours, R and M the regular session."""

    time: Nanos
    event: str


@dataclass(frozen=True, slots=True)
class SecurityDirectory:
    """A security that trades today; flags 0x80 test, 0x40 when-issued, 0x20 fund."""

    time: Nanos
    symbol: str
    flags: int
    round_lot: int
    prior_close: float
    luld_tier: int


@dataclass(frozen=True, slots=True)
class TradingStatus:
    """H halted, O orders accepted but not matched, P paused, T trading."""

    time: Nanos
    symbol: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class QuoteUpdate:
    """The exchange's best bid and ask; a side of 0 at 0 has no quote."""

    time: Nanos
    symbol: str
    flags: int
    bid_size: int
    bid: float
    ask: float
    ask_size: int


@dataclass(frozen=True, slots=True)
class TradeReport:
    """A trade on the exchange; see `ODD_LOT` and its like for the flags."""

    time: Nanos
    symbol: str
    flags: int
    size: int
    price: float
    trade_id: int

    @property
    def sets_the_price(self) -> bool:
        """Whether it counts for open, high, low and close; for the volume every trade counts."""
        return not self.flags & (EXTENDED_HOURS | ODD_LOT)


@dataclass(frozen=True, slots=True)
class TradeBreak:
    """A trade that is taken back: the one of the same id, on the same day."""

    time: Nanos
    symbol: str
    flags: int
    size: int
    price: float
    trade_id: int


@dataclass(frozen=True, slots=True)
class OfficialPrice:
    """The price of the opening (Q) or closing (M) auction of a share listed on the exchange."""

    time: Nanos
    symbol: str
    auction: str
    price: float


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """All that rests at one price on one side of the book; a size of 0 takes the level away."""

    time: Nanos
    symbol: str
    flags: int
    side: int
    size: int
    price: float


Message: TypeAlias = (
    SystemEvent
    | SecurityDirectory
    | TradingStatus
    | QuoteUpdate
    | TradeReport
    | TradeBreak
    | OfficialPrice
    | PriceLevel
)


def read_message(raw: bytes) -> Message | None:
    """The message in its bytes, or None for a kind that is not needed here.

    Raises:
        DataError: If it is shorter than its kind.
    """
    layout, read = _KINDS.get(raw[:1], (None, None))
    if layout is None or read is None:
        return None
    if len(raw) < layout.size:
        raise DataError(f"a message {raw[:1]!r} has {len(raw)} bytes, not {layout.size}")
    return read(*layout.unpack_from(raw))


def padded(symbol: str) -> bytes:
    """A symbol as the messages spell it: eight bytes, spaces behind.

    Raises:
        DataError: If it is too long for that.
    """
    if len(symbol) > 8:
        raise DataError(f"{symbol} has more than 8 characters, and no symbol of IEX has")
    return symbol.encode("ascii").ljust(8)


def _dollars(price: int) -> float:
    return price / 10_000


def _text(padded: bytes) -> str:
    return padded.decode("ascii", "replace").rstrip()


def _event(event: bytes, time: Nanos) -> SystemEvent:
    return SystemEvent(time, _text(event))


def _directory(flags: int, time: Nanos, symbol: bytes, lot: int, close: int, tier: int) -> Message:
    return SecurityDirectory(time, _text(symbol), flags, lot, _dollars(close), tier)


def _status(status: bytes, time: Nanos, symbol: bytes, reason: bytes) -> Message:
    return TradingStatus(time, _text(symbol), _text(status), _text(reason))


def _quote(
    flags: int, time: Nanos, symbol: bytes, bid_size: int, bid: int, ask: int, ask_size: int
) -> Message:
    return QuoteUpdate(time, _text(symbol), flags, bid_size, _dollars(bid), _dollars(ask), ask_size)


def _trade(flags: int, time: Nanos, symbol: bytes, size: int, price: int, trade: int) -> Message:
    return TradeReport(time, _text(symbol), flags, size, _dollars(price), trade)


def _break(flags: int, time: Nanos, symbol: bytes, size: int, price: int, trade: int) -> Message:
    return TradeBreak(time, _text(symbol), flags, size, _dollars(price), trade)


def _official(auction: bytes, time: Nanos, symbol: bytes, price: int) -> Message:
    return OfficialPrice(time, _text(symbol), _text(auction), _dollars(price))


def _bid_level(flags: int, time: Nanos, symbol: bytes, size: int, price: int) -> Message:
    return PriceLevel(time, _text(symbol), flags, 1, size, _dollars(price))


def _ask_level(flags: int, time: Nanos, symbol: bytes, size: int, price: int) -> Message:
    return PriceLevel(time, _text(symbol), flags, -1, size, _dollars(price))


_KINDS: dict[bytes, tuple[Struct, Callable[..., Message]]] = {
    b"S": (Struct("<xcq"), _event),
    b"D": (Struct("<xBq8sIqB"), _directory),
    b"H": (Struct("<xcq8s4s"), _status),
    b"Q": (Struct("<xBq8sIqqI"), _quote),
    b"T": (Struct("<xBq8sIqq"), _trade),
    b"B": (Struct("<xBq8sIqq"), _break),
    b"X": (Struct("<xcq8sq"), _official),
    b"8": (Struct("<xBq8sIq"), _bid_level),
    b"5": (Struct("<xBq8sIq"), _ask_level),
}
