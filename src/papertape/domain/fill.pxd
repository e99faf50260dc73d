# A fill is a C struct: it is made field by field, and three ledgers read it.

cdef class Fill:
    cdef readonly object id
    cdef readonly object order_id
    cdef readonly object symbol
    cdef readonly object time
    cdef readonly object quantity
    cdef readonly object price
    cdef readonly object fee
    cdef readonly object rule
    cdef readonly object bar_start
    cdef readonly object reference
    cdef readonly object half_spread
    cdef readonly object slippage
    cdef readonly object cap
    cdef readonly object outside
    cdef readonly object level
    cdef readonly object path
    cdef readonly object ambiguous
    cdef readonly object delay
    cdef readonly object tape
    cdef readonly object multiplier
    cdef readonly object bond
    cdef readonly object variation
