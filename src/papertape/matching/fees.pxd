cpdef long long share_of(long long value, long long numerator, long long denominator)
cpdef long long per_share_fee(
    long long shares, long long per_share, long long minimum, long long maximum
)
