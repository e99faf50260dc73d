cimport cython

cdef double MICROS, ROUNDER

@cython.locals(average=double, value=double)
cpdef list _recursion(list values, Py_ssize_t period, double weight)

@cython.locals(row=Py_ssize_t, one=double, other=double, quick=double, calm=double)
cpdef void _compare(
    const double[::1] totals, Py_ssize_t fast, Py_ssize_t slow, unsigned char[::1] above
)

@cython.locals(row=Py_ssize_t, total=double)
cpdef void _run_up(const double[::1] prices, double[::1] totals)
