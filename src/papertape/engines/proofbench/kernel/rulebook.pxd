cimport cython
from libc.stdint cimport int64_t

from papertape.domain.money cimport tick_up
from papertape.engines.proofbench.kernel.exchange cimport product_over
from papertape.matching.costs cimport impact, part_of_day, shares_within, taker_price
from papertape.matching.fees cimport capped_fee, per_share_fee, share_of
from papertape.matching.spreads cimport half_spread_at

cdef long long CENT
cdef double TOO_MUCH

cdef long long _share_up(long long value, long long numerator, long long denominator) noexcept nogil

@cython.final
cdef class Rulebook:
    cdef const double[::1] spread_values
    cdef const long long[::1] spread_points, sec, sec_unit, taf, taf_cap
    cdef Py_ssize_t classes, rates
    cdef long long tick, fixed_half_spread, spread_unknown, fixed_slippage, cap_at_open
    cdef long long commission, commission_unit, per_share, least, most, most_unit
    cdef long long initial, initial_unit, keep_long, keep_long_unit, keep_short, keep_short_unit
    cdef long long borrow, borrow_unit, interest, interest_unit
    cdef double per_session, session_root, impact_factor
    cdef double volatility_if_unknown, participation_if_unknown
    cdef double daily_volume, daily_value, daily_volatility
    cdef bint rounds_up, lends_shares, lends_money, asks_the_past
    cdef readonly bint has_failed
    cdef long long half_spread, slippage

    cdef void know(self, double volume, double value, double volatility) noexcept nogil
    cdef int64_t price(self, long long reference, int side, long long shares) except? -1 nogil
    @cython.locals(number=Py_ssize_t)
    cdef int64_t _half_spread(self, long long price) except? -1 nogil
    @cython.locals(moves=double, part=double)
    cdef int64_t _slippage(self, long long price, long long shares) except? -1 nogil
    cdef int64_t within_cap(self, long long wanted, double volume) except? -1 nogil
    @cython.locals(after="long long")
    cdef int64_t next_fee(
        self, long long filled, long long paid, long long quantity, long long value,
        Py_ssize_t rate
    ) except? -1 nogil
    @cython.locals(
        shares="long long", fees="long long", ceiling="long long", sec="long long",
        taf="long long"
    )
    cdef int64_t _fees(self, long long filled, long long paid, Py_ssize_t rate) except? -1 nogil
    cdef long long value(self, long long quantity, long long price) noexcept nogil
    cdef long long loan(self, long long value) noexcept nogil
    @cython.locals(after="long long", before="long long")
    cdef long long commits(
        self, long long held, long long quantity, long long price
    ) noexcept nogil
    @cython.locals(
        step="long long", many="long long", cost="long long", steps="long long"
    )
    cdef long long within(
        self, long long held, long long wanted, long long price, long long available
    ) noexcept nogil
    cdef long long required(self, long long value) noexcept nogil
