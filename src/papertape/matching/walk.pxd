cimport cython

from papertape.domain.bar cimport Bar
from papertape.matching.counter cimport Counter
from papertape.matching.resting cimport Resting

cdef class Walk:
    cdef public Counter counter
    cdef public Bar bar
    cdef public object market, path
    cdef public bint was_forced, _forces
    cdef public list births
    cdef public long long _tick, _high, _low, _here
    @cython.locals(resting=Resting)
    cpdef object _move(self, long long to)
    @cython.locals(resting=Resting)
    cpdef object _meet(self, long long to)
    cpdef object _due(self, Resting resting, long long to)
    cpdef long long _trigger_point(self, Resting resting, long long to) except? -1
    cpdef long long _limit_point(self, Resting resting, long long to) except? -1
    cpdef bint _is_its_opening(self, Resting resting) except -1
    cpdef long long _auction_price(self, Resting resting) except? -1
    cpdef object _act(self, Resting resting)
    cpdef object _serve(self, Resting resting, object touch)
