cimport cython

@cython.locals(
    count=Py_ssize_t, row=Py_ssize_t, total=double, mean=double, second=double, third=double,
    fourth=double, off=double, square=double
)
cdef tuple _moments(const double[::1] column)
@cython.locals(row=Py_ssize_t, squares=double, off=double)
cdef double _losses_below(const double[::1] column, double level) except? -1.0
@cython.locals(
    at=Py_ssize_t, bottom=Py_ssize_t, last=Py_ssize_t, row=Py_ssize_t, most=Py_ssize_t,
    peak=double, mark=double, depth=double, lowest=double, least=double, squares=double
)
cdef object _falls_of(const double[::1] equity)
