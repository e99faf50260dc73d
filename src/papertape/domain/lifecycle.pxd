# A state is a C struct: each report on an order makes a new one.

cdef class OrderState:
    cdef readonly object order
    cdef readonly object stage
    cdef readonly object filled
    cdef readonly object paid
    cdef readonly object note
    cdef readonly object executions
    cdef readonly object earlier
    cdef readonly object requests
    cdef readonly object accepted_id
    cdef readonly object suspense
