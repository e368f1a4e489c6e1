"""Modules of the standard library that take long to import: where nobody needs one, it is not imported. Both worlds."""

imported = {}                     # by name


def library(name):
    """A module of the standard library that takes long to import: where nobody needs it, it is not imported.

    It is the library's also where the program hides it by a module of its own: see `keep_library`.
    """
    module = imported.get(name)
    if module is None:
        module = imported[name] = __import__(name)
    return module


def keep_library():
    """Import all of them now, before what is beside the program can be found."""
    for name in ("threading", "heapq", "weakref"):
        library(name)
