cimport cython

cpdef long long half_even(long long numerator, long long denominator)
cpdef long long tick_up(long long price, long long tick)
cpdef long long tick_down(long long price, long long tick)
cpdef long long against_trader(long long price, long long tick, int side)
