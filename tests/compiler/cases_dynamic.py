"""Tiny programs that name code by strings. Each has main:entry; those of MAY_REFUSE may be refused. See test_slices."""

MAY_REFUSE = {
    "import_module_computed",
    "exec_computed",
    "eval_computed",
    "pickle_unknown",
    "sys_modules_computed",
    "frames_to_globals",
    "gc_objects",
    "conditional_exit_in_function",
    "plugin_folder_discovered",
    "import_function_handed_on",
    "exec_computed_in_unneeded_module",
    "sys_modules_listed",
    "eval_handed_on",
    "pickle_round_trip_by_variable",
}

CASES = {
    "globals_constant": """
=== main.py
def f(): return 1
def planted(): return 2
def entry(): return globals()["f"]()
""",
    "globals_computed": """
=== main.py
def h_a(): return 1
def h_b(): return aux()
def aux(): return 3
def entry(): return globals()["h_" + "b"]()
""",
    "globals_get": """
=== main.py
def f(): return 1
def entry(): return globals().get("f")(), globals().get("nope", 4)
""",
    "globals_written": """
=== main.py
for i in range(3):
    globals()["v%d" % i] = i
def entry(): return v1 + v2
""",
    "globals_updated": """
=== main.py
def make(): return {"made": 5}
globals().update(make())
def entry(): return made
""",
    "globals_updated_elsewhere": """
=== main.py
import lib
def entry(): return lib.made_here
=== lib.py
globals().update({"made_" + "here": 7})
""",
    "locals_written": """
=== main.py
locals()["z"] = 3
def entry(): return z
""",
    "vars_own": """
=== main.py
A = 1
B = 2
def entry(): return sorted(k for k in vars(__import__("main")) if k.isupper())
""",
    "dir_own": """
=== main.py
A = 1
NAMES = [n for n in dir() if n.isupper()]
B = 2
def entry(): return NAMES
""",
    "getattr_module_computed": """
=== main.py
import ops
def entry(): return [getattr(ops, "do_" + k)() for k in ("a", "b")]
=== ops.py
def do_a(): return 1
def do_b(): return aux()
def aux(): return 2
""",
    "getattr_own_module": """
=== main.py
import sys
def f_x(): return 1
def entry(): return getattr(sys.modules[__name__], "f_" + "x")()
""",
    "getattr_package_submodule": """
=== main.py
import pkg
import pkg.alpha
def entry(): return getattr(pkg, "al" + "pha").f()
=== pkg/__init__.py
=== pkg/alpha.py
def f(): return g()
def g(): return 3
""",
    "setattr_own_module": """
=== main.py
import sys
me = sys.modules[__name__]
for n in ("p", "q"):
    setattr(me, n, n * 2)
def entry(): return p + q
""",
    "setattr_constant": """
=== main.py
import lib
setattr(lib, "K", 9)
def entry(): return lib.f()
=== lib.py
K = 1
def f(): return K
""",
    "import_module_constant": """
=== main.py
import importlib
m = importlib.import_module("pkg.mod")
def entry(): return m.f(), importlib.import_module(".mod", "pkg").f()
=== pkg/__init__.py
=== pkg/mod.py
def f(): return 2
""",
    "import_module_prefix": """
=== main.py
import importlib
def entry(name="b"): return importlib.import_module(f"plugins.{name}").run()
=== plugins/__init__.py
=== plugins/a.py
def run(): return "a"
=== plugins/b.py
def run(): return "b" + tail()
def tail(): return "!"
""",
    "import_module_computed": """
=== main.py
import importlib
def entry(n="op" + "s"): return importlib.import_module(n).f()
=== ops.py
def f(): return 1
""",
    "import_function_handed_on": """
=== main.py
from importlib import import_module as load
def entry(): return [m.f() for m in map(load, ["ops"])]
=== ops.py
def f(): return 1
""",
    "dunder_import": """
=== main.py
def entry(): return __import__("pkg.mod").mod.f(), __import__("lib").g()
=== pkg/__init__.py
=== pkg/mod.py
def f(): return 2
=== lib.py
def g(): return 3
""",
    "plugin_folder_discovered": """
=== main.py
import pkgutil, importlib, plugins
def entry():
    found = []
    for info in pkgutil.iter_modules(plugins.__path__):
        found.append(importlib.import_module("plugins." + info.name).NAME)
    return sorted(found)
=== plugins/__init__.py
=== plugins/a.py
NAME = "a"
=== plugins/b.py
NAME = "b"
""",
    "exec_constant": """
=== main.py
exec("def made(): return helper()")
def helper(): return 4
def entry(): return made()
""",
    "eval_constant": """
=== main.py
def f(): return 4
def planted(): return 4
def entry(): return eval("f() + 1")
""",
    "exec_constant_changes_state": """
=== main.py
S = {}
exec("S['k'] = 1")
def entry(): return S
""",
    "exec_constant_changes_other_module": """
=== main.py
import lib
exec("import lib as l\\nl.K = 5")
def entry(): return lib.f()
=== lib.py
K = 1
def f(): return K
""",
    "exec_computed": """
=== main.py
CODE = "def made(): return 1"
exec(CODE)
def entry(): return made()
""",
    "exec_computed_in_unneeded_module": """
=== main.py
import lib, odd
def entry(): return lib.K
=== lib.py
K = 1
=== odd.py
exec("".join(["import lib; ", "lib.K = 2"]))
""",
    "eval_computed": """
=== main.py
def f(): return 1
def entry(n="f"): return eval(n + "()")
""",
    "eval_handed_on": """
=== main.py
def f(): return 1
run = eval
def entry(): return run("f()")
""",
    "pickle_unknown": """
=== main.py
import pickle
class P: pass
BLOB = b"\\x80\\x04\\x8c\\x04main\\x8c\\x01P\\x93)R."
def entry(): return type(pickle.loads(BLOB)).__name__
""",
    "pickle_round_trip": """
=== main.py
import pickle
class P:
    def __init__(self, v): self.v = v
def entry(): return pickle.loads(pickle.dumps(P(3))).v
""",
    "pickle_round_trip_by_variable": """
=== main.py
import pickle
class P:
    def __init__(self, v): self.v = v
def entry():
    data = pickle.dumps(P(3))
    return pickle.loads(data).v
""",
    "pickle_reduce_function": """
=== main.py
import copy
def rebuild(v):
    p = P(); p.v = v + 1; return p
class P:
    v = 0
    def __reduce__(self): return rebuild, (self.v,)
def entry(): return copy.deepcopy(P()).v
""",
    "sys_modules_constant": """
=== main.py
import sys, helper
def entry(): return sys.modules["helper"].h(), "helper" in sys.modules
=== helper.py
def h(): return 1
""",
    "sys_modules_computed": """
=== main.py
import sys, helper
def entry(): return sys.modules["help" + "er"].h()
=== helper.py
def h(): return 1
""",
    "sys_modules_listed": """
=== main.py
import sys, helper
def entry(): return "helper" in list(sys.modules)
=== helper.py
def h(): return 1
""",
    "frames_to_globals": """
=== main.py
import sys
SECRET = 5
def peek(): return sys._getframe(1).f_globals["SECRET"]
def entry(): return peek()
""",
    "frame_writes_globals_at_import": """
=== main.py
import lib
lib.install("added", 3)
def entry(): return added
=== lib.py
import sys
def install(name, value): sys._getframe(1).f_globals[name] = value
""",
    "gc_objects": """
=== main.py
import gc
class T: pass
t = T()
def entry(): return sum(isinstance(o, T) for o in gc.get_objects())
""",
    "get_type_hints_of_function": """
=== main.py
from __future__ import annotations
import typing
class A: pass
def api(x: A) -> list[A]: return x
def entry(): return sorted(typing.get_type_hints(api))
""",
    "signature_of_function": """
=== main.py
import inspect
class A: pass
def api(x: "A", y: int = 2): return x
def entry():
    evaluated = inspect.signature(api, eval_str=True).parameters.values()
    return str(inspect.signature(api)), [p.annotation for p in evaluated][0].__name__
""",
    "override_comment": """
=== main.py
import importlib
def entry(n="op" + "s"):
    return importlib.import_module(n).f()  # gotee: include=ops:f
=== ops.py
def f(): return 1
def planted(): return 2
""",
    "override_comment_star": """
=== main.py
import importlib
def entry(n="op" + "s"):
    # gotee: include=ops:*
    return importlib.import_module(n).f()
=== ops.py
def f(): return g()
def g(): return 2
""",
    "dotted_name_of_entry_point": """
=== main.py
import pkgutil
def entry(): return pkgutil.resolve_name("jobs.work:run")()
=== jobs/__init__.py
=== jobs/work.py
def run(): return 3
""",
    "attrgetter_on_module": """
=== main.py
import operator, ops
def entry(): return operator.attrgetter("f")(ops)()
=== ops.py
def f(): return 1
""",
    "mock_patch_by_string": """
=== main.py
from unittest import mock
import lib
patcher = mock.patch("lib.K", 7)
patcher.start()
def entry(): return lib.f()
=== lib.py
K = 1
def f(): return K
""",
    "method_by_computed_name": """
=== main.py
class A:
    def do_x(self): return X
    def run(self, n): return getattr(self, "do_" + n)()
X = 3
def entry(): return A().run("x")
""",
    "operator_methodcaller": """
=== main.py
import operator
class A:
    def f(self): return helper()
def helper(): return 6
def entry(): return operator.methodcaller("f")(A())
""",
    "code_object_of_function": """
=== main.py
import types
def f(): return K
K = 3
g = types.FunctionType(f.__code__, f.__globals__)
def entry(): return g()
""",
}
MAY_REFUSE |= {"code_object_of_function", "dotted_name_of_entry_point", "frame_writes_globals_at_import"}
CASES |= {
    "import_module_by_parameter": """
=== main.py
import importlib
def load(name, extra=0): return importlib.import_module(name)
def entry(): return load("ops").f(), load(name="pkg.mod").g()
=== ops.py
def f(): return 1
=== pkg/__init__.py
=== pkg/mod.py
def g(): return 2
""",
    "sys_modules_by_parameter": """
=== main.py
import reg, part
def entry(): return reg.run()
=== reg.py
import sys
KNOWN = []
def register(module): KNOWN.append(sys.modules[module])
def run(): return [m.hook() for m in KNOWN]
=== part.py
import reg
reg.register(__name__)
def hook(): return 5
""",
    "import_module_by_parameter_unknown": """
=== main.py
import importlib
def load(name): return importlib.import_module(name)
def entry(n="op"): return load(n + "s").f()
=== ops.py
def f(): return 1
""",
}
MAY_REFUSE |= {"import_module_by_parameter_unknown"}
CASES |= {
    "import_module_of_constants_in_loop": """
=== main.py
import importlib
for name in ("a", "b"):
    importlib.import_module(name)
MODS = [importlib.import_module(n) for n in ["a", "b"]]
import core
def entry(): return core.L, [m.f() for m in MODS]
=== core.py
L = []
=== a.py
import core
core.L.append("a")
def f(): return 1
=== b.py
import core
core.L.append("b")
def f(): return 2
""",
    "import_module_of_named_constant": """
=== main.py
import importlib, conf
NAME = "ops"
def entry():
    local = "more"
    return importlib.import_module(NAME).f(), __import__(conf.OTHER).g(), importlib.import_module(local).h()
=== conf.py
OTHER = "ops2"
=== ops.py
def f(): return 1
=== ops2.py
def g(): return 2
=== more.py
def h(): return 3
""",
    "import_module_of_rebound_constant": """
=== main.py
import importlib
NAME = "ops"
def choose():
    global NAME
    NAME = "".join(["op", "s2"])
choose()
def entry(): return importlib.import_module(NAME).f()
=== ops.py
def f(): return 1
=== ops2.py
def f(): return 2
""",
    "exec_of_named_constant": """
=== main.py
CODE = "def made(): return helper()"
exec(CODE)
def helper(): return 4
def entry(): return made()
""",
}
MAY_REFUSE |= {"import_module_of_rebound_constant"}
CASES |= {
    "import_module_of_constant_set_elsewhere": """
=== main.py
import importlib, conf, setup
def entry(): return importlib.import_module(conf.NAME).f()
=== conf.py
NAME = "ops"
=== setup.py
import conf
conf.NAME = "".join(["op", "s2"])
=== ops.py
def f(): return 1
=== ops2.py
def f(): return 2
""",
    "plain_name_rebound_by_function": """
=== main.py
LOG = []
class Odd:
    def __add__(self, other): LOG.append("add"); return 0
BASE = 1
def swap():
    global BASE
    BASE = Odd()
swap()
TOTAL = BASE + 1
def entry(): return LOG
""",
}
MAY_REFUSE |= {"import_module_of_constant_set_elsewhere"}
# Names of modules: relative to the own spec, mapped over constants, made of a path by a function.
CASES |= {
    "relative_to_own_spec": """
=== main.py
from p.inner import first
from p import second
def entry(): return first(), second()
=== p/__init__.py
from importlib import import_module
other = import_module(".x", __spec__.name)
def second(): return other.V
=== p/inner.py
from importlib import import_module
other = import_module(".y", __spec__.parent)
def first(): return other.V
=== p/x.py
V = 1
=== p/y.py
V = 2
""",
    "relative_to_a_spec_of_its_own": """
=== main.py
from p.inner import first
def entry(): return first()
=== p/__init__.py
=== p/inner.py
import types
from importlib import import_module
__spec__ = types.SimpleNamespace(parent="q")
other = import_module(".y", __spec__.parent)
def first(): return other.V
=== p/y.py
V = 2
=== q/__init__.py
=== q/y.py
V = 3
""",
    "mapped_over_names": """
=== main.py
NAMES = ["a", "b"]
LOADED = list(map(__import__, NAMES))
def entry(): return [module.V for module in LOADED]
=== a.py
V = 1
=== b.py
V = 2
""",
    "mapped_over_names_that_a_mapped_function_changes": """
=== main.py
NAMES = ["a", "b"]
def more(name):
    if len(NAMES) < 3: NAMES.append("c")
    return name
BEFORE = list(map(more, NAMES))
def entry(): return [module.V for module in map(__import__, NAMES)], BEFORE
=== a.py
V = 1
=== b.py
V = 2
=== c.py
V = 3
""",
    "mapped_over_parts_that_are_changed": """
=== main.py
import ops
PARTS = [["a"], ["b"]]
list(map(ops.change, PARTS))
def entry(): return [__import__(part[0]).V for part in PARTS]
=== ops.py
def change(part): part[0] = part[0] + "2"
=== a.py
V = 1
=== b.py
V = 2
=== a2.py
V = 3
=== b2.py
V = 4
""",
    "class_paths_in_a_function": """
=== main.py
from importlib import import_module
PATHS = {"x": "a.C", "y": "b.D"}
def load(path):
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
def entry(): return [load(path)().v for path in PATHS.values()]
=== a.py
class C: v = 1
=== b.py
class D: v = 2
""",
    "class_paths_with_another_caller": """
=== main.py
import jobs
from importlib import import_module
PATHS = ["a.C"]
def load(path):
    module, _, name = path.rpartition(".")
    if not module: module = jobs.DEFAULT
    return getattr(import_module(module), name)
def entry(): return load(PATHS[0])().v, load("E")().v, jobs.run(load)
=== jobs.py
DEFAULT = "".join(["b"])
def run(how): return how("b.D")().v
=== a.py
class C: v = 1
=== b.py
class D: v = 2
class E: v = 3
""",
}
CASES |= {
    f"names_that_an_own_{name}_changes{how}": f"""
=== main.py
from importlib import import_module
{binding}
NAMES = ["a", "b"]
{name}(None, NAMES)
def entry(): return [import_module(name).V for name in NAMES]
=== ops.py
def {name}(function, names): names.append("c")
=== a.py
V = 1
=== b.py
V = 2
=== c.py
V = 3
"""
    for name, how, binding in (
        ("sorted", "", "from ops import sorted"),
        ("sorted", "_from_a_star", "from ops import *"),
        ("sorted", "_from_a_pattern", "import ops\nmatch ops.sorted:\n    case sorted: pass"),
        ("map", "", "from ops import map"),
    )
}
MAY_REFUSE |= {
    "names_that_an_own_map_changes",
    "names_that_an_own_sorted_changes",
    "names_that_an_own_sorted_changes_from_a_pattern",
    "names_that_an_own_sorted_changes_from_a_star",
    "class_paths_with_another_caller",
    "mapped_over_names_that_a_mapped_function_changes",
    "mapped_over_parts_that_are_changed",
    "relative_to_a_spec_of_its_own",
}
