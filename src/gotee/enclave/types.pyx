"""Tells the interpreter that a type was changed behind its back. Enclave world; `clock` uses it."""

from cpython.object cimport PyTypeObject

cdef extern from "Python.h":
    void PyType_Modified(PyTypeObject *)


def type_changed(type changed):
    """Forget what is cached of the names of a type, and of those derived from it."""
    PyType_Modified(<PyTypeObject *> changed)
