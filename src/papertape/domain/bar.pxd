cimport cython

cdef class Bar:
    cdef readonly str symbol
    cdef readonly long long start
    cdef readonly long long end
    cdef readonly double open
    cdef readonly double high
    cdef readonly double low
    cdef readonly double close
    cdef readonly double volume

cpdef str bar_fault(double open_, double high, double low, double close, double volume)

@cython.locals(bar=Bar)
cpdef Bar trusted_bar(
    str symbol, long long start, long long end,
    double open_, double high, double low, double close, double volume,
)
