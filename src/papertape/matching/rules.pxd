cimport cython

from papertape.domain.money cimport tick_down, tick_up

cdef long long _NONE

cpdef long long stop_reference(int side, long long stop, long long open_, long long high, long long low) except? -1 nogil
cpdef bint is_marketable(int side, long long limit, long long price, long long half_spread) except? -1 nogil
@cython.locals(better=bint)
cpdef long long auction_limit_reference(int side, long long limit, long long price) except? -1 nogil
@cython.locals(crossed=bint)
cpdef long long resting_limit_reference(int side, long long limit, long long high, long long low, long long tick) except? -1 nogil
cpdef bint has_passed(int side, long long stop, long long price) except? -1 nogil
cpdef long long cross_point(int side, long long limit, long long here, long long tick) except? -1 nogil
cpdef long long trail_level(int side, long long anchor, long long distance, long long tick) except? -1 nogil
cpdef long long ratcheted(int side, long long anchor, long long price) except? -1 nogil
@cython.locals(worst="long long", possible=bint)
cpdef long long worst_trail_exit(int side, long long first, long long last, long long high, long long low) except? -1 nogil
cpdef long long worse(int side, long long price, long long other) except? -1 nogil
cpdef long long beyond_limit(int side, long long limit, long long high, long long low) except? -1 nogil
