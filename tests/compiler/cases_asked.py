"""Tiny programs that ask a module for what is named by a computed text, or reach what is there without a name. Each has
main:entry; see test_slices.
"""

# What cannot be resolved: a loud refusal is right.
MAY_REFUSE = {
    "settrace_kept_on",
    "code_of_another_function",
    "module_names_in_attributes_of_a_subclass",
}

CASES = {
    "code_of_another_function": """
=== main.py
import lib, patch
def entry(): return lib.f()
=== lib.py
def f(): return 1
def helper(): return "helper"
=== patch.py
from lib import f
def other(): return helper()
f.__code__ = other.__code__
""",
    "code_of_a_function_that_stays_outside": """
=== main.py
import lib, patch
def entry(): return lib.g()
=== lib.py
def f(): return 1
def g(): return 2
=== patch.py
from lib import f
def planted_other(): return 3
f.__code__ = planted_other.__code__
""",
    "alias_escapes_closure": """
=== main.py
import lib
def entry():
    m = lib
    def inner(x="g"): return use(m, x)
    return inner()
def use(q, x): return getattr(q, x)()
=== lib.py
def f(): return g()
def g(): return 2
""",
    "alias_reaches_globals": """
=== main.py
import lib
def entry():
    m = lib
    return m.f.__globals__["g"](), getattr(m, "f").__globals__["h"]()
=== lib.py
def f(): return 1
def g(): return 2
def h(): return 3
""",
    "alias_then_setattr": """
=== main.py
import lib
def entry():
    m = lib
    for n in ("g",): setattr(m, n, lambda: "set")
    m.h = lambda: "seth"
    return m.f(), m.k()
=== lib.py
def f(): return g()
def g(): return 2
def h(): return 3
def k(): return h()
""",
    "attributes_of_other_objects_are_not_names": """
=== main.py
import pkgutil, importlib, plugs
class Row:
    def __init__(self, name): self.name = name
class Loader:
    def __init__(self): self.found = []
    def all(self):
        for self_like in pkgutil.iter_modules(plugs.__path__):
            self.found.append(importlib.import_module("plugs." + self_like.name).V)
        return self.found
R = Row("plugs.a")
def entry(): return Loader().all()
=== plugs/__init__.py
=== plugs/a.py
V = 1
=== plugs/b.py
V = 2
""",
    "decimal_flags": """
=== main.py
import decimal, calc
def entry(): return bool(decimal.getcontext().flags[decimal.Inexact])
=== calc.py
from decimal import Decimal
X = Decimal(1) / 3
""",
    "exception_subclasses_registry": """
=== main.py
import errs, more
def codes(c):
    own = [s for s in c.__subclasses__() if s.__module__ in ("errs", "more")]
    return sorted([s.__name__ for s in own] + [x for s in own for x in codes(s)])
def entry(): return codes(Exception), codes(errs.Base)
=== errs.py
class Base(Exception): code = 1
class A(Base): code = 2
=== more.py
from errs import Base as B
class M(B, KeyError): code = 3
class N(Exception): pass
def planted(): return 0
""",
    "exec_star_module_level": """
=== main.py
exec("from lib import *")
def entry(): return f()
=== lib.py
def f(): return g()
def g(): return 1
def other(): return 2
""",
    "getattr_calls_module_getattr": """
=== main.py
import lib
def entry(): return [getattr(lib, n) for n in ("x", "y")], lib.SEEN
=== lib.py
SEEN = []
x = 1
def __getattr__(n):
    SEEN.append(n)
    return n
""",
    "getattr_effects_and_submodules": """
=== main.py
import pkg, use
def entry(): return pkg.L, [getattr(pkg, n).V for n in ("a", "b")], [hasattr(pkg, n) for n in ("a", "zz", "kept_q")]
=== pkg/__init__.py
from . import a, b
L = []
def add(x): L.append(x)
def other(): return 1
def kept_q(): return 2
=== pkg/a.py
V = 1
=== pkg/b.py
V = 2
=== use.py
import pkg
for n in ["add"]: getattr(pkg, n)(n)
def f(m=pkg): m.add("called")
f()
x = pkg if pkg.L else None
(x or pkg).add("or")
""",
    "globals_by_table": """
=== main.py
import m
def entry(): return m.run("b"), m.run("a")
=== m.py
T = {"a": "do_a", "b": "do_b"}
def do_a(): return 1
def do_b(): return dep()
def dep(): return 2
def run(k): return globals()[T[k]]()
def planted(): return 3
""",
    "lazy_loader_importlib_util": """
=== main.py
import importlib.util, sys
def lazy(name):
    spec = importlib.util.find_spec(name)
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module
plug = lazy("plug")
def entry(): return plug.f()
=== plug.py
def f(): return 1
""",
    "module_from_spec_const": """
=== main.py
import importlib.util
def entry():
    spec = importlib.util.find_spec("plug")
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    return m.f(), m.LOG
=== plug.py
from reg import LOG
LOG.append("run")
def f(): return g()
def g(): return 1
=== reg.py
LOG = []
""",
    "module_from_spec_toplevel_twice": """
=== main.py
import importlib.util as u
import plug
from reg import LOG
S = u.find_spec("plug")
M = u.module_from_spec(S)
S.loader.exec_module(M)
def entry(): return M.f(), LOG, M is plug
=== plug.py
from reg import LOG
LOG.append("run")
def f(): return g()
def g(): return 1
=== reg.py
LOG = []
""",
    "module_names_given_by_word": """
=== main.py
import importlib, importlib.util, pkgutil
def entry():
    a = importlib.import_module(name="pkg.lib").f(), importlib.import_module(*["lib"]).f()
    b = importlib.import_module(**{"name": ".lib", "package": "pkg"}).f(), importlib.__import__("pkg.lib").lib.f()
    return a, b, importlib.util.find_spec(name="lib").name, pkgutil.resolve_name(name="lib:f")()
=== lib.py
def f(): return "lib"
def planted(): return 0
=== pkg/__init__.py
=== pkg/lib.py
def f(): return "pkg.lib"
def planted(): return 0
""",
    "modules_asked_by_known_names": """
=== main.py
import importlib, lib, sys
NAMES = ["f", "g"]
CONF = {"fn": "f", "own": "own_f"}
def own_f(): return lib.f()
def planted_own(): return 1
def entry():
    by_loop = [getattr(lib, n)() for n in ("f", "g")], [getattr(lib, n)() for n in sorted(NAMES)]
    by_zip = [getattr(lib, n)() for n, _ in zip(NAMES, range(9))], [getattr(lib, n)() for _, n in enumerate(NAMES)]
    by_text = getattr(lib, "F".lower())(), getattr(lib, CONF["fn"])(), hasattr(lib, "planted"[:2])
    own = globals()["own_" + "f"](), globals()[CONF["own"]](), [globals()[n]() for n in ("own_f",)]
    return by_loop, by_zip, by_text, own
=== lib.py
def f(): return g()
def g(): return 5
def planted(): return 0
class planted_K: pass
""",
    "names_changed_by_others": """
=== main.py
import lib, reg, more
def entry(): return [getattr(lib, n)() for n in reg.NAMES]
=== lib.py
def f(): return 1
def g(): return 2
def h(): return 3
=== reg.py
NAMES = ["f"]
=== more.py
from reg import NAMES
NAMES += ["g"]
NAMES.append("h")
""",
    "names_changed_through_what_is_asked": """
=== main.py
import lib, reg, more
def entry(): return [getattr(lib, n)() for n in reg.NAMES]
=== lib.py
def f(): return 1
def h(): return 3
=== reg.py
NAMES = ["f"]
=== more.py
import reg
for n in ("NAMES",): getattr(reg, n).append("h")
""",
    "names_rebound_by_setattr": """
=== main.py
import lib, reg, more
def entry(): return [getattr(lib, n)() for n in reg.NAMES], getattr(lib, reg.ONE)()
=== lib.py
def f(): return 1
def g(): return 2
def h(): return 3
=== reg.py
NAMES = ("f",)
ONE = "f"
=== more.py
import reg
setattr(reg, "NAMES", ("g", "h"))
reg.ONE = "h"
""",
    "own_file_read_by_folder": """
=== main.py
import os, pathlib
HERE = pathlib.Path(__file__).parent
def text(): return open(os.path.join(os.path.dirname(__file__), "other.py")).read()
def entry():
    return text(), (HERE / "third.py").exists(), (HERE / "nope.py").exists(), os.path.isfile(HERE / "sub" / "deep.py")
=== other.py
def f(): return 1
def g(): return 2
=== third.py
x = 1
=== sub/deep.py
y = 1
""",
    "module_names_in_attributes": """
=== main.py
from lazy import Lazy
num = Lazy("backend")
txt = Lazy(name="textual")
def entry(): return num.f(), txt.g()
=== lazy.py
import importlib
class Lazy:
    def __init__(self, name):
        self._name = name
        self._m = None
    def _load(self):
        if self._m is None: self._m = importlib.import_module(self._name)
        return self._m
    def __getattr__(self, a): return getattr(self._load(), a)
=== backend.py
def f(): return 1
=== textual.py
def g(): return 2
=== third.py
def planted(): return 2
""",
    "module_names_in_attributes_set_elsewhere": """
=== main.py
from lazy import Lazy, fix
num = Lazy("backend")
fix(num)
def entry(): return num.f()
=== lazy.py
import importlib
class Lazy:
    def __init__(self, name):
        self._name = name
    def __getattr__(self, a): return getattr(importlib.import_module(self._name), a)
def fix(o): o._name = "text" + "ual"
=== backend.py
def f(): return 1
=== textual.py
def f(): return 2
=== third.py
def planted(): return 2
""",
    "module_names_in_attributes_of_a_subclass": """
=== main.py
from lazy import Lazy
class Sub(Lazy):
    def __init__(self): super().__init__("back" + "end")
num = Sub()
def entry(): return num.f()
=== lazy.py
import importlib
class Lazy:
    def __init__(self, name):
        self._name = name
    def __getattr__(self, a): return getattr(importlib.import_module(self._name), a)
Lazy("textual")
=== backend.py
def f(): return 1
=== textual.py
def f(): return 2
""",
    "settrace_kept_on": """
=== main.py
import tr, work
def entry(): return len(tr.L) > 0
=== tr.py
import sys
L = []
def t(f, e, a):
    L.append(f.f_code.co_name)
    return None
sys.settrace(t)
=== work.py
def f(): return 1
f()
""",
    "star_import_in_text_with_a_table": """
=== main.py
def entry():
    table = {}
    exec("from lib import *", table)
    return table["f"](), sorted(n for n in table if n != "__builtins__")
=== lib.py
def f(): return g()
def g(): return 5
""",
    "subclasses_of_object": """
=== main.py
import lib
def entry(): return [c.__name__ for c in object.__subclasses__() if c.__module__ == "lib"]
=== lib.py
class K: pass
class L: pass
class M(L): pass
def planted(): return 0
""",
    "variables_that_are_modules": """
=== main.py
import fast, slow
def entry(quick=True):
    m = fast if quick else slow
    n = m or slow
    (o := fast).f()
    return m.f(), n.g(), o.f() if o is not None else 0, (slow if quick else fast).f()
=== fast.py
def f(): return 1
def g(): return h()
def h(): return 2
def planted(): return 0
=== slow.py
def f(): return 3
def g(): return 4
def planted(): return 0
""",
}
