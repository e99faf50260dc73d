cimport cython

cdef long long _UNIT

@cython.locals(size="long long", value="long long")
cpdef long long part_of(long long equity, long long billionths) except? -1 nogil
@cython.locals(side=int)
cpdef long long shares_towards(long long held, long long value, long long price) except? -1 nogil
