# What rests is a C struct: a walk copies it, and asks it many times.

cdef class Resting:
    cdef public object state
    cdef public object eligible
    cdef public object number
    cdef public object expires
    cdef public object auction
    cdef public object anchor
    cdef public object is_triggered
    cdef public object is_arriving
    cdef public object is_forced
    cdef public object is_served
    cdef public object late_limit
    cdef public object fills
    cdef public object ahead
    cdef public object owed
    cdef public object delay
