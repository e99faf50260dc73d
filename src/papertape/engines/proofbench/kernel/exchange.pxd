cimport cython
from libc.stdint cimport int64_t

from papertape.domain.money cimport against_trader, tick_up
from papertape.engines.proofbench.kernel.tally cimport Tally
from papertape.matching.costs cimport impact, part_of_day, shares_within, taker_price
from papertape.matching.fees cimport capped_fee, per_share_fee, share_of
from papertape.matching.liquidity cimport mean_of_known, mean_value, volatility
from papertape.matching.rules cimport (
    auction_limit_reference, beyond_limit, cross_point, is_marketable, ratcheted,
    resting_limit_reference, stop_reference, trail_level, worse
)
from papertape.matching.spreads cimport half_spread_at

cdef Py_ssize_t KIND, NUMBER, OPEN, FILLED, PAID, LEVEL, ANCHOR, FILLS, BIRTH, BORN, REDUCES
cdef Py_ssize_t TRIGGERED, ARRIVING, SERVED, STOP_AT, TARGET_AT, TRAIL_AT, FIELDS
cdef Py_ssize_t QUANTITY, PRICE, FEE, REFERENCE, HALF_SPREAD, SLIPPAGE, AT_OPEN, NOTES
cdef long long MARKET, STOP, TARGET, TRAIL
cdef Py_ssize_t BEFORE, AFTER, UP_FIRST, DOWN_FIRST
cdef long long CENT, NEVER
cdef double TOO_MUCH, TINY

@cython.locals(
    quotient="long long", rest="long long", whole="long long", part="long long", place=int
)
cpdef long long product_over(long long one, long long other, long long unit) noexcept nogil
cdef long long _share_up(long long value, long long numerator, long long denominator) noexcept nogil
@cython.locals(first="long long", second="long long", size="long long")
cpdef bint is_before_as_text(long long one, long long other) noexcept nogil

@cython.final
cdef class Exchange:
    cdef const long long[::1] open, high, low, nights, tariff
    cdef const double[::1] dollars, micros, volume, spread_values
    cdef const unsigned char[::1] opens_session
    cdef const long long[::1] spread_points, sec, sec_unit, taf, taf_cap
    cdef long long[:, ::1] orders
    cdef long long[:, :, ::1] kept, fills
    cdef Tally tally
    cdef Py_ssize_t classes, rates, room, count, noted, row, known, way
    cdef long long tick, fixed_half_spread, spread_unknown, fixed_slippage, cap, cap_at_open
    cdef long long commission, commission_unit, per_share, least, most, most_unit
    cdef long long initial, initial_unit, keep_long, keep_long_unit, keep_short, keep_short_unit
    cdef long long borrow, borrow_unit, interest, interest_unit
    cdef double per_session, session_root, impact_factor
    cdef double volatility_if_unknown, participation_if_unknown
    cdef double call_below, call_above, touched
    cdef long long fall_to, rise_to
    cdef double daily_volume, daily_value, daily_volatility
    cdef bint rounds_up, lends_shares, lends_money, at_open
    cdef readonly bint has_failed, is_full
    cdef readonly long long cash, held
    cdef long long numbers, traded, targets, here, point, price, half_spread, slippage

    @cython.locals(place=Py_ssize_t)
    cdef void place(
        self, long long quantity, long long stop_at, long long target_at, long long trail_at,
        bint reduces
    ) noexcept nogil
    @cython.locals(field=Py_ssize_t)
    cdef void _add(self, long long kind, long long quantity, long long number) noexcept nogil
    @cython.locals(place=Py_ssize_t)
    cdef void clear(self, bint keeps_exits) noexcept nogil
    @cython.locals(place=Py_ssize_t, kept=Py_ssize_t, field=Py_ssize_t)
    cdef void _sweep(self) noexcept nogil
    cdef int _side(self, Py_ssize_t place) noexcept nogil
    @cython.locals(kind="long long")
    cdef bint _is_waiting(self, Py_ssize_t place) noexcept nogil
    cdef bint _is_market(self, Py_ssize_t place) noexcept nogil
    @cython.locals(anchor="long long", distance="long long")
    cdef int64_t _level(self, Py_ssize_t place) except? -1 nogil
    cdef void touch(self, Py_ssize_t row) noexcept nogil
    @cython.locals(place=Py_ssize_t)
    cdef int meet(self, Py_ssize_t row) except -1 nogil
    @cython.locals(
        worth="long long", second="long long", targets="long long", noted=Py_ssize_t
    )
    cdef int _walk_both_ways(self) except -1 nogil
    cdef long long _worth(self) noexcept nogil
    @cython.locals(way=Py_ssize_t)
    cdef int _tell(self, Py_ssize_t place) except -1 nogil
    @cython.locals(place=Py_ssize_t, field=Py_ssize_t)
    cdef void _keep(self, Py_ssize_t where) noexcept nogil
    @cython.locals(place=Py_ssize_t, field=Py_ssize_t)
    cdef void _bring_back(self, Py_ssize_t where) noexcept nogil
    @cython.locals(place=Py_ssize_t)
    cdef bint _is_concerned(self) except -1 nogil
    @cython.locals(row=Py_ssize_t, side=int, level="long long", best="long long")
    cdef bint _can_act(self, Py_ssize_t place) except -1 nogil
    @cython.locals(acting=int, place=Py_ssize_t)
    cdef bint _is_certain(self) except -1 nogil
    @cython.locals(row=Py_ssize_t, place=Py_ssize_t)
    cdef int _walk(self, Py_ssize_t way) except -1 nogil
    @cython.locals(place=Py_ssize_t)
    cdef bint _has_open_orders(self) noexcept nogil
    @cython.locals(place=Py_ssize_t)
    cdef int _move(self, long long to) except -1 nogil
    @cython.locals(anchor="long long")
    cdef int _see(self, Py_ssize_t place, long long price) except -1 nogil
    @cython.locals(found=Py_ssize_t, place=Py_ssize_t, point="long long")
    cdef Py_ssize_t _next_due(self, long long to) except -2 nogil
    @cython.locals(way="long long", others="long long")
    cdef bint _is_before(
        self, Py_ssize_t place, long long point, Py_ssize_t other
    ) except -1 nogil
    cdef long long _rank(self, Py_ssize_t place) noexcept nogil
    @cython.locals(
        here="long long", side=int, high="long long", low="long long", level="long long"
    )
    cdef int64_t _point(self, Py_ssize_t place, long long to) except? -1 nogil
    cdef int64_t _auction_price(self, Py_ssize_t place) except? -1 nogil
    @cython.locals(side=int, level="long long", high="long long", low="long long")
    cdef int _act(self, Py_ssize_t place) except -1 nogil
    @cython.locals(size="long long", side=int, tried="long long", fits="long long")
    cdef int _serve(
        self, Py_ssize_t place, long long reference, int slips, bint pays_spread,
        long long above, long long below
    ) except -1 nogil
    @cython.locals(wanted="long long", side=int, reduces=bint, reducible="long long")
    cdef long long _held_back(self, Py_ssize_t place) noexcept nogil
    @cython.locals(
        volume=double, whole="long long", part="long long", rest="long long", share="long long"
    )
    cdef int64_t _within_cap(
        self, long long wanted, long long above, long long below
    ) except? -1 nogil
    @cython.locals(side=int, level="long long")
    cdef int _price(
        self, Py_ssize_t place, long long size, long long reference, int slips,
        bint pays_spread
    ) except -1 nogil
    @cython.locals(number=Py_ssize_t)
    cdef int64_t _half_spread(self, long long price) except? -1 nogil
    @cython.locals(moves=double, part=double)
    cdef int64_t _slippage(self, long long price, long long shares) except? -1 nogil
    @cython.locals(row=Py_ssize_t)
    cdef int _look_back(self) except -1 nogil
    @cython.locals(
        side=int, size="long long", price="long long", closing="long long",
        available="long long", need="long long"
    )
    cdef int64_t _affordable(self, Py_ssize_t place, long long quantity) except? -1 nogil
    @cython.locals(filled="long long", paid="long long", after="long long")
    cdef int64_t _fee(self, Py_ssize_t place, long long quantity) except? -1 nogil
    @cython.locals(
        shares="long long", fees="long long", ceiling="long long", rate=Py_ssize_t,
        sec="long long", taf="long long"
    )
    cdef int64_t _fees(self, long long filled, long long paid) except? -1 nogil
    @cython.locals(fee="long long", value="long long")
    cdef int _book(self, Py_ssize_t place, long long quantity, long long reference) except -1 nogil
    @cython.locals(way=Py_ssize_t, place=Py_ssize_t)
    cdef void _note(self, long long quantity, long long fee, long long reference) noexcept nogil
    @cython.locals(
        number="long long", birth="long long", other=Py_ssize_t, side=int, rest="long long"
    )
    cdef void _follow_exit(self, Py_ssize_t place, long long size) noexcept nogil
    @cython.locals(
        side=int, opened="long long", stop="long long", target="long long", level="long long"
    )
    cdef int _bring_exits(self, Py_ssize_t place, long long quantity) except -1 nogil
    @cython.locals(number="long long", birth="long long", born=Py_ssize_t)
    cdef int _bring(
        self, Py_ssize_t place, long long kind, long long level, long long quantity
    ) except -1 nogil
    cdef long long close(self, Py_ssize_t row) noexcept nogil
    cdef long long value(self, long long quantity, long long price) noexcept nogil
    cdef long long available(self, long long price) noexcept nogil
    cdef long long _loan(self, long long value) noexcept nogil
    @cython.locals(after="long long", before="long long")
    cdef long long commits(self, long long held, long long quantity, long long price) noexcept nogil
    @cython.locals(
        held="long long", step="long long", many="long long", cost="long long",
        steps="long long"
    )
    cdef long long within(self, long long wanted, long long price, long long available) noexcept nogil
    @cython.locals(value="long long", fee="long long")
    cdef int charge(self, Py_ssize_t row) except -1 nogil
    @cython.locals(place=Py_ssize_t, lends=bint, under_way=bint)
    cdef void call_margin(self, Py_ssize_t row) noexcept nogil
    @cython.locals(value="long long", required="long long")
    cdef bint is_called(self, Py_ssize_t row) noexcept nogil
    @cython.locals(owes=bint)
    cdef Py_ssize_t next_row(self, Py_ssize_t row, Py_ssize_t after) noexcept nogil
    @cython.locals(place=Py_ssize_t)
    cdef bint _waits_for_any(self) noexcept nogil
    @cython.locals(place=Py_ssize_t, level="long long")
    cdef void _find_levels(self) noexcept nogil
    @cython.locals(money=double, size=double, part=double)
    cdef void _find_call(self) noexcept nogil
