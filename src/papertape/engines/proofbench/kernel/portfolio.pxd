cimport cython
from libc.stdint cimport int64_t

from papertape.engines.proofbench.kernel.exchange cimport product_over
from papertape.engines.proofbench.kernel.rulebook cimport Rulebook
from papertape.engines.signalcore.sizing cimport part_of, shares_towards
from papertape.matching.fees cimport share_of
from papertape.matching.liquidity cimport mean_of_known, mean_value, volatility

cdef Py_ssize_t ROW, SYMBOL, QUANTITY, PRICE, FEE, REFERENCE, HALF_SPREAD, SLIPPAGE, ORDER
cdef Py_ssize_t CHARGED, CHARGED_OF, CHARGED_ON, CHARGE, CHARGE_FIELDS
cdef Py_ssize_t FILL_FIELDS, DECIDED, OF, SHARE, ASKED, FILLED, PAID, STATUS, ORDER_FIELDS
cdef long long WORKING, COMPLETE, TAKEN_BACK, CUT, LEFT_ALONE
cdef double TOO_MUCH

@cython.final
cdef class Portfolio:
    cdef const double[::1] open, close, volume, closes, volumes
    cdef const long long[::1] nights, tariff, place, first
    cdef long long[::1] held, marked, share, wanted, unfilled, number, holding
    cdef readonly long long[::1] cash_after, net_after, gross_after
    cdef readonly long long[:, ::1] orders, fills, charges
    cdef Rulebook rules
    cdef readonly Py_ssize_t count, rows, row, ordered, filled, charged
    cdef Py_ssize_t holdings, working, asks_after
    cdef bint sizes_at_fill, lends, is_due
    cdef readonly long long cash, net, traded
    cdef long long loans, free

    @cython.locals(each=Py_ssize_t, given="const long long[::1]")
    cpdef rebalance(self, shares)
    cpdef advance(self, Py_ssize_t until)
    cdef int _drive(self, Py_ssize_t until) except -1 nogil
    @cython.locals(each=Py_ssize_t)
    cdef int _put_right(self) except -1 nogil
    @cython.locals(each=Py_ssize_t)
    cdef int _ask(self) except -1 nogil
    @cython.locals(each=Py_ssize_t, cell=Py_ssize_t, price=double, value="long long")
    cdef int _want(self, Py_ssize_t row, long long equity, bint at_open) except -1 nogil
    @cython.locals(held="long long", wanted="long long")
    cdef bint _reduces(self, Py_ssize_t each) noexcept nogil
    @cython.locals(held="long long", wanted="long long", price="long long")
    cdef int _open(self, Py_ssize_t each) except -1 nogil
    @cython.locals(each=Py_ssize_t, need="long long", close=double)
    cdef int _ask_again(self) except -1 nogil
    cdef int _order(self, Py_ssize_t each, long long quantity) except -1 nogil
    cdef void _end(self, Py_ssize_t each, long long status) noexcept nogil
    @cython.locals(
        cash="long long", shorts="long long", longs="long long", last=Py_ssize_t,
        debit="long long", left="long long", part="long long", value="long long",
        place=Py_ssize_t, each=Py_ssize_t
    )
    cdef int _charge(self) except -1 nogil
    @cython.locals(total="long long")
    cdef int _note_charge(
        self, Py_ssize_t each, long long value, long long rate, long long unit
    ) except -1 nogil
    @cython.locals(
        worth="long long", place=Py_ssize_t, each=Py_ssize_t, open_=double, reducing=int
    )
    cdef int _count_at_open(self) except -1 nogil
    @cython.locals(place=Py_ssize_t, each=Py_ssize_t, value="long long")
    cdef void _lend(self) noexcept nogil
    @cython.locals(
        withheld="long long", before="long long", after="long long", each=Py_ssize_t
    )
    cdef int _meet(self) except -1 nogil
    @cython.locals(
        cell=Py_ssize_t, open_=double, volume=double, size="long long"
    )
    cdef int _serve(self, Py_ssize_t each, long long withheld) except -1 nogil
    @cython.locals(side=int, price="long long", tried="long long", fits="long long")
    cdef int _trade(
        self, Py_ssize_t each, long long size, long long reference, long long withheld
    ) except -1 nogil
    @cython.locals(
        first=Py_ssize_t, after=Py_ssize_t, until=Py_ssize_t, volumes="const double[:]",
        closes="const double[:]"
    )
    cdef int _look_back(self, Py_ssize_t each, Py_ssize_t cell) except -1 nogil
    @cython.locals(
        held="long long", size="long long", side=int, closing="long long",
        available="long long", before="long long", need="long long"
    )
    cdef int64_t _affordable(
        self, Py_ssize_t each, long long quantity, long long price, long long withheld
    ) except? -1 nogil
    @cython.locals(order=Py_ssize_t)
    cdef int64_t _fee(self, Py_ssize_t each, long long quantity, long long price) except? -1 nogil
    @cython.locals(fee="long long", value="long long", before="long long", order=Py_ssize_t)
    cdef int _book(
        self, Py_ssize_t each, long long quantity, long long price, long long reference
    ) except -1 nogil
    @cython.locals(kept=Py_ssize_t, place=Py_ssize_t)
    cdef void _drop(self, Py_ssize_t each) noexcept nogil
    cdef int _note(
        self, Py_ssize_t each, long long quantity, long long price, long long fee,
        long long reference
    ) except -1 nogil
    @cython.locals(
        first=Py_ssize_t, net="long long", gross="long long",
        place=Py_ssize_t, each=Py_ssize_t, close=double, value="long long"
    )
    cdef int _mark(self) except -1 nogil
    @cython.locals(
        required="long long", place=Py_ssize_t, each=Py_ssize_t, value="long long"
    )
    cdef bint _is_called(self) noexcept nogil
