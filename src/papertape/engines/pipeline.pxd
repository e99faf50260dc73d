from papertape.domain.account cimport Account

cdef class TradingPipeline:
    cdef object _core, _terms, _instruments, _guard, _router
    cdef public Account account
    cdef public dict orders
    cdef dict _working, _last, _closes
    cdef list _answers
