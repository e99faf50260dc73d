# A report is a C struct: one is made each time that anybody folds an event.

cdef class Execution:
    cdef readonly object id
    cdef readonly object quantity
    cdef readonly object paid
    cdef readonly object in_force

cdef class Report:
    cdef readonly object number
    cdef readonly object kind
    cdef readonly object order_id
    cdef readonly object request_id
    cdef readonly object order
    cdef readonly object execution
    cdef readonly object refers_to
    cdef readonly object ratio
    cdef readonly object note
