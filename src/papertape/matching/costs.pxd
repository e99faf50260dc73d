from papertape.domain.money cimport tick_down, tick_up

cpdef long long taker_price(
    long long reference, int side, long long half_spread, long long slippage, long long tick,
    bint triggered=*,
)
cpdef long long impact(double factor, double volatility, double participation, long long price)
cpdef long long shares_within(double volume, long long millionths)
