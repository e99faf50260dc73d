cimport cython

from papertape.domain.money cimport micros

cdef double _SCALE, _NOTHING

cdef class RunningAverage:
    cdef Py_ssize_t _period, _seen, _place
    cdef double _divisor
    cdef list _last
    cdef long long _sum
    cdef readonly double value
    @cython.locals(newest="long long", oldest="long long", place=Py_ssize_t)
    cpdef double add(self, double price) except? -1
