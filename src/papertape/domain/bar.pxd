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

cdef class Reel:
    cdef str _symbol
    cdef const long long[:] _start, _end
    cdef const double[:] _open, _high, _low, _close, _volume
    cpdef Bar bar(self, Py_ssize_t row)
    cpdef bint is_calm(self, Py_ssize_t row, long long until, double above, double below) except -1
