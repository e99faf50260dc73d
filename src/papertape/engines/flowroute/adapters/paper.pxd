from papertape.domain.account cimport Account
from papertape.matching.book cimport Book

cdef class PaperBroker:
    cdef object _instruments, _terms, _office, _compat, _numbers
    cdef Account _account
    cdef Book _book
    cdef dict _asked, _orders
    cdef list _reports
    cdef set _forced
