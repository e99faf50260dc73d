# An order is made and looked at all the time, so it is a C struct.

cdef class Order:
    cdef readonly object id
    cdef readonly object symbol
    cdef readonly object quantity
    cdef readonly object kind
    cdef readonly object time
    cdef readonly object reason
    cdef readonly object limit
    cdef readonly object stop
    cdef readonly object stop_distance
    cdef readonly object time_in_force
    cdef readonly object not_before
    cdef readonly object reduce_only
    cdef readonly object parent
    cdef readonly object trail
    cdef readonly object trail_millionths
    cdef readonly object limit_offset
    cdef readonly object expires
    cdef readonly object post_only
    cdef readonly object group
    cdef readonly object attached
    cdef readonly object do_not_reduce
    cdef readonly object triggers_at_once
    cdef readonly object after
    cdef readonly object share_of_equity
