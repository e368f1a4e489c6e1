"""Map a library of the image before the extension modules that are linked to it. Enclave world.

The loader takes a library that is mapped already, by its SONAME, and looks for none on the disk.
"""

cdef extern from "dlfcn.h" nogil:
    void *dlopen(const char *name, int flags)
    char *dlerror()
    int RTLD_LAZY
    int RTLD_LOCAL


def load(str path):
    """Map a library, for good. Raises ImportError."""
    cdef bytes name = path.encode()
    if dlopen(name, RTLD_LAZY | RTLD_LOCAL) is NULL:
        raise ImportError(f"a library of the image cannot be loaded: {dlerror().decode(errors='replace')}")
