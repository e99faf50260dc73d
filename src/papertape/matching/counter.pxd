# A walk asks its counter again and again: C structs, whose methods a message of the tape overrides.
cimport cython

from papertape.domain.bar cimport Bar
from papertape.matching.resting cimport Resting

cdef class Counter:
    cdef public Bar bar
    cdef public object market, tape, _path
    cdef public object account
    cdef public list orders, events
    cdef public long long time, _high, _low, _traded
    cdef public int targets_on_entry
    cpdef list serve(self, Resting resting, object touch)
    cpdef object cancel(self, Resting resting, str reason)
    cpdef object say(self, Resting resting, object report)
    cpdef object _held_back(self, Resting resting)
    cpdef object _fill(self, Resting resting, object touch, object size, str cap)
    cpdef object _fee(self, Resting resting, object quantity, object price)
    cpdef object _affordable(self, Resting resting, object fill)
    cpdef list _bring_exits(self, Resting entry, object fill)
