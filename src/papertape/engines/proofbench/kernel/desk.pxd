cimport cython

from papertape.engines.proofbench.kernel.exchange cimport Exchange, product_over
from papertape.engines.proofbench.kernel.tally cimport Tally

cdef long long MOST_SHARES, FINEST, NARROWEST
cdef Py_ssize_t AHEAD

@cython.final
cdef class Desk:
    cdef Exchange exchange
    cdef Tally tally
    cdef long long shares, part, part_unit
    cdef bint by_stop
    cdef Py_ssize_t decides, marks, rows, known
    cdef const long long[::1] turns
    cdef const double[::1] wishes, stops, targets, trails
    cdef double wanted
    cdef long long whole, scale

    @cython.locals(
        row=Py_ssize_t, number=Py_ssize_t, turn=Py_ssize_t, first=Py_ssize_t, after=Py_ssize_t
    )
    cdef int _drive(self) except -1 nogil
    cdef Py_ssize_t _turn(self, Py_ssize_t number) noexcept nogil
    @cython.locals(first=Py_ssize_t, number=Py_ssize_t)
    cdef void _look_ahead(self) noexcept nogil
    @cython.locals(
        price="long long", distance="long long", available="long long", target="long long",
        held="long long", quantity="long long", need="long long", target_at="long long",
        trail_at="long long"
    )
    cdef void _decide(self, Py_ssize_t row) noexcept nogil
    cdef long long _distance(self, const double[::1] column, Py_ssize_t row) noexcept nogil
    @cython.locals(equity="long long", unit="long long", shares="long long")
    cdef long long _target(
        self, long long price, long long distance, long long available
    ) noexcept nogil
    @cython.locals(size=double, scale="long long", whole="long long", shares="long long")
    cdef long long _fraction(
        self, long long numerator, long long money, long long unit
    ) noexcept nogil
    cdef void _spell(self) noexcept with gil
