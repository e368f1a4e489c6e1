/* System calls as an attacker makes them, past every library: an extension module for tests. Test world only. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Integers as they are, bytes and bytearrays as pointers to them. */
static int words(PyObject *args, long *out, Py_ssize_t most) {
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    if (count > most) { PyErr_SetString(PyExc_TypeError, "too many arguments"); return -1; }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *one = PyTuple_GET_ITEM(args, i);
        if (PyBytes_Check(one)) out[i] = (long)PyBytes_AS_STRING(one);
        else if (PyByteArray_Check(one)) out[i] = (long)PyByteArray_AS_STRING(one);
        else { out[i] = (long)PyLong_AsUnsignedLongMask(one); if (PyErr_Occurred()) return -1; }
    }
    return 0;
}

/* call(number, ...): the kernel's answer, or minus the error number. */
static PyObject *call(PyObject *self, PyObject *args) {
    long w[7] = {0};
    if (words(args, w, 7) < 0) return NULL;
    long answer = syscall(w[0], w[1], w[2], w[3], w[4], w[5], w[6]);
    return PyLong_FromLong(answer == -1 ? -errno : answer);
}

#ifdef __x86_64__
/* int80(number, a, b, c): the way of 32-bit programs, with numbers of their own. */
static PyObject *int80(PyObject *self, PyObject *args) {
    long w[4] = {0};
    if (words(args, w, 4) < 0) return NULL;
    int answer = (int)w[0];
    __asm__ volatile("int $0x80" : "+a"(answer) : "b"((int)w[1]), "c"((int)w[2]), "d"((int)w[3]) : "memory", "r8", "r9", "r10", "r11");
    return PyLong_FromLong(answer);
}
#endif

static PyMethodDef methods[] = {
    {"call", call, METH_VARARGS, NULL},
#ifdef __x86_64__
    {"int80", int80, METH_VARARGS, NULL},
#endif
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "raw", NULL, -1, methods};
PyMODINIT_FUNC PyInit_raw(void) { return PyModule_Create(&module); }
