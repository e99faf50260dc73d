cimport cython

@cython.locals(average=double, value=double)
cpdef list _recursion(list values, Py_ssize_t period, double weight)
