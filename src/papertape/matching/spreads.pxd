cpdef long long half_spread_at(long long price, int basis_points, long long tick) except? -1 nogil
cpdef long long half_of(long long bid, long long ask) except? -1 nogil
