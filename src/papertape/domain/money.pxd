cpdef long long tick_up(long long price, long long tick)
cpdef long long tick_down(long long price, long long tick)
cpdef long long against_trader(long long price, long long tick, int side)
