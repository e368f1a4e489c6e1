"""Features that a compiler cannot look through, each with its code, cause and cure. Host world."""

from __future__ import annotations

import ast

from gotee.compiler.diagnostics import OVERRIDE
from gotee.compiler.scopes import walk
from gotee.compiler.statements import Unit

# Names outside of the program that refer to code by a string or reach any object of the process.
DYNAMIC: dict[str, tuple[str, str]] = {
    "builtins.eval": ("GT302", "the text that eval() runs is not known"),
    "builtins.exec": ("GT302", "the text that exec() runs is not known"),
    "timeit.timeit": ("GT302", "the text that it runs is not known"),
    "timeit.repeat": ("GT302", "the text that it runs is not known"),
    "timeit.Timer": ("GT302", "the text that it runs is not known"),
    "cProfile.run": ("GT302", "the text that it runs is not known"),
    "cProfile.runctx": ("GT302", "the text that it runs is not known"),
    "builtins.globals": ("GT302", "globals itself is handed on"),
    "builtins.__import__": ("GT301", "the module that __import__() loads is not known"),
    "importlib.__import__": ("GT301", "the module that __import__() loads is not known"),
    "importlib.import_module": ("GT301", "the module that import_module() loads is not known"),
    "importlib.util.find_spec": ("GT301", "the module that find_spec() looks for is not known"),
    "pkgutil.find_loader": ("GT301", "the module that find_loader() looks for is not known"),
    "pkgutil.get_loader": ("GT301", "the module that get_loader() looks for is not known"),
    "importlib.util.spec_from_file_location": ("GT301", "the module that is loaded from a file is not known"),
    "importlib.util.module_from_spec": ("GT301", "the module that is loaded from a spec is not known"),
    "importlib.machinery.SourceFileLoader": ("GT301", "the module that is loaded from a file is not known"),
    "runpy.run_module": ("GT301", "the module that is run is not known"),
    "runpy.run_path": ("GT301", "the file that is run is not known"),
    "pkgutil.resolve_name": ("GT301", "the name that is resolved is not known"),
    "pydoc.locate": ("GT301", "the name that is resolved is not known"),
    "inspect.getmodule": ("GT303", "the module that getmodule() finds is not known"),
    "sys.modules": ("GT303", "the entry of sys.modules that is used is not known"),
    "pickle.loads": ("GT304", "pickled data names the classes and functions that it needs, and is not known"),
    "pickle.load": ("GT304", "pickled data names the classes and functions that it needs, and is not known"),
    "pickle.Unpickler": ("GT304", "pickled data names the classes and functions that it needs, and is not known"),
    "_pickle.loads": ("GT304", "pickled data names the classes and functions that it needs, and is not known"),
    "shelve.open": ("GT304", "pickled data names the classes and functions that it needs, and is not known"),
    "marshal.loads": ("GT302", "the code that marshalled data holds is not known"),
    "marshal.load": ("GT302", "the code that marshalled data holds is not known"),
    "types.FunctionType": ("GT302", "the globals that a function made by hand uses are not known"),
    "gc.get_objects": ("GT305", "it reaches every object of the process"),
    "gc.get_referrers": ("GT305", "it reaches every object of the process"),
    "gc.get_referents": ("GT305", "it reaches objects without naming them"),
    "logging.config.dictConfig": ("GT301", "the configuration may name classes of the program"),
    "logging.config.fileConfig": ("GT301", "the configuration may name classes of the program"),
}

# Attributes that lead from a function or a frame to all globals of its module.
GLOBALS_ATTRIBUTES = {"__globals__", "f_globals", "f_builtins", "gi_frame", "cr_frame", "tb_frame"}

# Methods that put names into the namespace of a module.
NAMESPACE_WRITES = {"update", "setdefault", "__setitem__", "pop", "clear", "__delitem__"}

# What reads annotations that are not evaluated when they are written.
ANNOTATION_READERS = {
    "get_type_hints", "__annotations__", "signature", "getfullargspec", "get_annotations", "singledispatch",
    "singledispatchmethod", "register", "evaluate_forward_ref", "formatargspec", "_eval_type",
}  # fmt: skip

# What reads the text of a module's file.
SOURCE_READERS = {"getsource", "getsourcelines", "findsource", "getsourcefile", "getcomments", "getline", "getlines"}

# What lists the files of a folder, modules too.
LISTING = {
    "listdir", "scandir", "walk", "iterdir", "glob", "iglob", "rglob", "iter_modules", "walk_packages", "contents",
}  # fmt: skip

# What reads files that lie in a package.
DATA_READERS = ("importlib.resources", "pkgutil.get_data", "importlib_resources")


def cure_of(code: str) -> str:
    """What to do about a dynamic feature."""
    first = {
        "GT301": "write the module's name as a constant",
        "GT302": "write the code as code, or as a constant text",
        "GT303": "write the module's name as a constant, or import it",
        "GT304": "build the objects from plain data (json, struct)",
        "GT305": "refer to what is needed by its name",
    }[code]
    return f"{first}; or {OVERRIDE}"


def overridden(unit: Unit, where: ast.AST) -> bool:
    """Whether an override comment stands at the statement in which a dynamic feature is used."""
    lines = {line for _, _, line in unit.includes}
    if not lines:
        return False
    best = (unit.first_line, unit.last_line)
    for child in walk(unit.node):
        if isinstance(child, ast.stmt) and not isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            inside = child.lineno <= getattr(where, "lineno", 0) <= (child.end_lineno or child.lineno)
            span = (child.lineno, child.end_lineno or child.lineno)
            if inside and span[1] - span[0] <= best[1] - best[0]:
                best = span
    return any(best[0] - 1 <= line <= best[1] for line in lines)
