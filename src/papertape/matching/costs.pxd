cimport cython
from papertape.domain.money cimport tick_down, tick_up

@cython.locals(added="long long")
cpdef long long taker_price(
    long long reference, int side, long long half_spread, long long slippage, long long tick,
    bint triggered=*,
) except? -1 nogil
@cython.locals(rounded=double)
cpdef long long impact(double factor, double volatility, double participation, long long price) except? -1 nogil
cpdef long long shares_within(double volume, long long millionths) except? -1 nogil
cpdef double part_of_day(long long shares, double daily_volume) except? -1 nogil
