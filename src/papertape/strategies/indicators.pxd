cimport cython

@cython.locals(average=double, value=double)
cpdef list _recursion(list values, Py_ssize_t period, double weight)

@cython.locals(row=Py_ssize_t, one=double, other=double, quick=double, calm=double)
cpdef void _compare(
    const double[::1] totals, Py_ssize_t fast, Py_ssize_t slow, double[::1] above
)
