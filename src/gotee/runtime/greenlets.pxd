# The part of greenlet's C interface that a switch needs. Both worlds; only `scheduler` uses it.
# The numbers are those of greenlet.h ("PyGreenlet_*_NUM"), the same in all versions from 0.3 on.

from cpython.object cimport PyObject

cdef extern from *:
    """
    #define GREENLET_GET_CURRENT 4
    #define GREENLET_SWITCH 6
    static void **gotee_greenlet = NULL;

    static int gotee_greenlet_import(void) {
        gotee_greenlet = (void **)PyCapsule_Import("greenlet._C_API", 0);
        return gotee_greenlet == NULL ? -1 : 0;
    }

    /* What getcurrent() returns: a new reference. */
    static inline PyObject *gotee_current_greenlet(void) {
        return ((PyObject * (*)(void))gotee_greenlet[GREENLET_GET_CURRENT])();
    }

    /* g.switch(): what the other side passes, or NULL with what was thrown here. */
    static inline PyObject *gotee_switch_to(PyObject *g) {
        return ((PyObject * (*)(PyObject *, PyObject *, PyObject *))gotee_greenlet[GREENLET_SWITCH])(g, NULL, NULL);
    }

    /* The running greenlet forgets its contextvars context: what runs next on it starts in a fresh, empty one. */
    static inline void gotee_fresh_context(void) {
        PyThreadState *state = PyThreadState_Get();
        PyObject *old = state->context;
        if (old != NULL) {
            state->context = NULL;
            state->context_ver++;
            Py_DECREF(old);
        }
    }
    """
    int import_greenlet "gotee_greenlet_import" () except -1
    object current_greenlet "gotee_current_greenlet" ()
    object switch_to "gotee_switch_to" (object g)
    void fresh_context "gotee_fresh_context" ()
