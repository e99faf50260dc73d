cimport cython

from papertape.matching.fees cimport share_of

cdef Py_ssize_t BLOCK
cdef Py_ssize_t ROW, QUANTITY, PRICE, FEE, REFERENCE, HALF_SPREAD, SLIPPAGE, AT_OPEN, FIELDS
cdef Py_ssize_t AFTER, CASH, HELD

@cython.final
cdef class Tally:
    cdef const double[::1] close, lowest, highest
    cdef double[:, ::1] gains
    cdef long long[:, ::1] record, stretches
    cdef long long cash_before, held_before
    cdef readonly double capital, last, peak, sum, squares, depth
    cdef readonly Py_ssize_t marks, busy, filled, stretched, closed, won, lost
    cdef readonly bint is_ruined
    cdef readonly long long fees, held, result, gain, loss

    @cython.locals(closing="long long", share="long long")
    cdef int fill(
        self, Py_ssize_t row, long long quantity, long long price, long long fee,
        long long reference, long long half_spread, long long slippage, long long at_open
    ) except -1 nogil
    cdef void charge(self, long long total) noexcept nogil
    cdef void _exchange(self, long long quantity, long long price, long long fee) noexcept nogil
    cdef void mark(
        self, Py_ssize_t first, Py_ssize_t after, long long cash, long long held
    ) noexcept nogil
    @cython.locals(
        place=Py_ssize_t, end=Py_ssize_t, one=double, other=double, low=double, high=double
    )
    cdef void _step(
        self, Py_ssize_t first, Py_ssize_t after, double cash, double held
    ) noexcept nogil
    @cython.locals(row=Py_ssize_t, peak=double, depth=double, equity=double)
    cdef void _climb(
        self, Py_ssize_t first, Py_ssize_t after, double cash, double held
    ) noexcept nogil
    @cython.locals(row=Py_ssize_t, low=double, other=double)
    cdef void _sink(
        self, Py_ssize_t first, Py_ssize_t after, double cash, double held
    ) noexcept nogil
    @cython.locals(row=Py_ssize_t, equity=double, before=double)
    cdef void _earn(
        self, Py_ssize_t first, Py_ssize_t after, double cash, double held
    ) noexcept nogil
    @cython.locals(
        whole=Py_ssize_t, place=Py_ssize_t, one=double, two=double, three=double, four=double
    )
    cdef double _total(self, Py_ssize_t of, Py_ssize_t count) noexcept nogil
    cdef void _note(self, Py_ssize_t after, long long cash, long long held) noexcept nogil

@cython.locals(row=Py_ssize_t, place=Py_ssize_t, worth="long long")
cpdef int write_account(
    const long long[:, ::1] stretches, const double[::1] close, Py_ssize_t first,
    long long[::1] cash, long long[::1] equity
) except -1
