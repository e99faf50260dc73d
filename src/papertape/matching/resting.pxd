# What rests is a C struct: a walk copies it, and asks it many times.
cimport cython

cdef class Resting:
    cdef public object state
    cdef public long long eligible
    cdef public long long number
    cdef public long long expires
    cdef public long long auction
    cdef public long long anchor
    cdef public bint is_triggered
    cdef public bint is_arriving
    cdef public bint is_forced
    cdef public bint is_served
    cdef public long long late_limit
    cdef public long long fills
    cdef public long long ahead
    cdef public long long owed
    cdef public long long delay
    cdef public bint is_working
    cpdef Resting twin(self)
    cpdef long long level(self, long long tick, long long anchor=*) except? -1

cpdef bint is_for(Resting resting, object duration) except -1
