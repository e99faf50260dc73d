# What stands between a strategy and its bars is made of C structs: it is passed once a bar.
cimport cython

from papertape.domain.bar cimport Bar, Reel

cdef class Unread:
    cdef public Py_ssize_t row
    cdef object _tape, _bars
    cdef Py_ssize_t _first

cdef class OrderContext:
    cdef object _tapes, _standing, _numbers, _positions
    cdef dict _quotes
    cdef public list proposals
    cdef public long long now
    cdef public object account
    cdef public Unread unread

cdef class OrderDesk:
    cdef object _strategy, _bars
    cdef dict _tapes
    cdef OrderContext _context
    cdef bint _has_started
    cdef Reel _reel
    @cython.locals(
        row=Py_ssize_t, until="long long", above=double, below=double, reel=Reel, bar=Bar,
        context=OrderContext, unread=Unread, proposals=list,
    )
    cpdef Py_ssize_t pass_calm(
        self, object bars, Py_ssize_t first, Py_ssize_t stop, object calm, object standing
    ) except -1
