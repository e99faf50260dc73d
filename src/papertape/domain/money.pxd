cimport cython

cdef double _SCALE, _LARGEST

@cython.locals(scaled=double, whole="long long")
cpdef long long micros(double amount) except? -1
cpdef long long tick_up(long long price, long long tick) except? -1 nogil
cpdef long long tick_down(long long price, long long tick) except? -1 nogil
cpdef long long against_trader(long long price, long long tick, int side) except? -1 nogil
