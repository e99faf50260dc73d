cdef class Book:
    cdef object _instruments, _costs, _terms, _wire
    cdef dict _resting, _past, _last, _bar, _ended, _tapes
    cdef long long _count
