cdef class Position:
    cdef readonly object quantity, cost, multiplier, bond

cdef class Account:
    cdef readonly object balances, positions
