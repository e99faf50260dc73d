cimport cython

@cython.locals(
    whole="long long", rest="long long", quotient="long long", twice="long long"
)
cpdef long long share_of(long long value, long long numerator, long long denominator) except? -1 nogil
cpdef long long per_share_fee(
    long long shares, long long per_share, long long minimum, long long maximum
) except? -1 nogil
cpdef long long capped_fee(long long shares, long long per_share, long long cap) except? -1 nogil
