cpdef long long half_spread_at(long long price, int basis_points, long long tick)
cpdef long long half_of(long long bid, long long ask)
