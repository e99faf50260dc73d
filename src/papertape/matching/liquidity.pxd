cimport cython

cdef Py_ssize_t _WINDOW, _FEWEST
cdef double _UNKNOWN

@cython.locals(total=double, known=Py_ssize_t, row=Py_ssize_t)
cpdef double mean_of_known(const double[:] values, Py_ssize_t until) except? -1 nogil
@cython.locals(total=double, known=Py_ssize_t, row=Py_ssize_t)
cpdef double mean_value(
    const double[:] volumes, const double[:] closes, Py_ssize_t until
) except? -1 nogil
@cython.locals(
    first=Py_ssize_t, count=Py_ssize_t, row=Py_ssize_t, total=double, mean=double, squares=double,
    distance=double,
)
cpdef double volatility(const double[:] closes, Py_ssize_t until) except? -1 nogil
