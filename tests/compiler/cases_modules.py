"""Tiny programs on modules as objects, and names of modules that are computed. Each has main:entry; see test_slices."""

CASES = {
    "module_getattr_lazy": """
=== main.py
import pkg
def entry(): return pkg.sub.V, pkg.lazyval
=== pkg/__init__.py
import importlib
_L = {"sub"}
def __getattr__(n):
    if n in _L: return importlib.import_module("." + n, __name__)
    if n == "lazyval": return 9
    raise AttributeError(n)
=== pkg/sub.py
V = 4
""",
    "module_getattr_lazy_table": """
=== main.py
import pkg
def entry(): return pkg.Thing().x
=== pkg/__init__.py
_import_structure = {"things": ["Thing"], "others": ["Other"]}
_where = {n: m for m, ns in _import_structure.items() for n in ns}
def __getattr__(name):
    import importlib
    if name not in _where: raise AttributeError(name)
    return getattr(importlib.import_module(f".{_where[name]}", __name__), name)
=== pkg/things.py
class Thing: x = 3
=== pkg/others.py
class Other: x = 4
""",
    "star_all_plus": """
=== main.py
from p import *
def entry(): return one(), _two()
=== p/__init__.py
from .x import *
from .x import __all__ as _xa
from .y import *
from . import y
__all__ = []
__all__ += _xa
__all__ += y.__all__
=== p/x.py
__all__ = ["one"]
def one(): return 1
def planted(): return 2
=== p/y.py
__all__ = ("_two",)
def _two(): return 2
""",
    "attrgetter_string": """
=== main.py
import operator, m
g = operator.attrgetter("deep.value")
def entry(): return g(m)
=== m.py
import deepmod as deep
=== deepmod.py
value = 5
""",
    "plugin_walk_prefix": """
=== main.py
import pkgutil, importlib, plugins
mods = [importlib.import_module(m.name) for m in pkgutil.walk_packages(plugins.__path__, "plugins.")]
def entry(): return [m.V for m in mods]
=== plugins/__init__.py
=== plugins/a.py
V = 1
=== plugins/sub/__init__.py
V = 2
=== plugins/sub/c.py
V = 3
""",
    "plugin_iter_modules": """
=== main.py
import plugins
def entry(): return sorted(plugins.R)
=== plugins/__init__.py
import pkgutil, importlib
R = []
for _f, name, _p in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{name}")
=== plugins/a.py
from . import R
R.append("a")
=== plugins/b.py
from . import R
R.append("b")
""",
    "plugin_listdir": """
=== main.py
import os, importlib
FOLDER = os.path.join(os.path.dirname(__file__), "plugs")
NAMES = sorted(f[:-3] for f in os.listdir(FOLDER) if f.endswith(".py") and f != "__init__.py")
MODS = [importlib.import_module("plugs." + n) for n in NAMES]
def entry(): return [m.V for m in MODS]
=== plugs/__init__.py
=== plugs/a.py
V = 1
=== plugs/b.py
V = 2
""",
    "sys_path_pathlib": """
=== main.py
import sys
from pathlib import Path
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "lib"))
import lib, pk.inner
def entry(): return lib.V, pk.inner.W
=== lib/lib.py
V = 3
def planted(): pass
=== lib/pk/__init__.py
=== lib/pk/inner.py
from lib import V
W = V + 1
""",
    "sys_path_other_module": """
=== main.py
import bootstrap
import thing
def entry(): return thing.V
=== bootstrap.py
import os, sys
here = os.path.dirname(__file__)
if here + "x" not in sys.path:
    sys.path.append(os.path.join(here, "third", "party"))
=== third/party/thing.py
V = 3
""",
    "sys_path_in_function": """
=== main.py
import bootstrap
bootstrap.setup()
import thing
def entry(): return thing.V
=== bootstrap.py
import os, sys
def setup():
    d = os.path.join(os.path.dirname(__file__), "third")
    sys.path[:0] = [os.path.join(os.path.dirname(__file__), "third")]
=== third/thing.py
V = 3
""",
    "path_from_outside": """
=== main.py
import os, pkg
pkg.__path__.append(os.path.join(os.path.dirname(__file__), "more"))
import pkg.plug
def entry(): return pkg.plug.V
=== pkg/__init__.py
=== more/plug.py
V = 3
""",
    "path_assigned": """
=== main.py
from pkg import plug
import pkg.plug
def entry(): return plug.V
=== pkg/__init__.py
from os.path import join, dirname
__path__ = [*__path__, join(dirname(__file__), "extra")]
=== pkg/extra/plug.py
V = 3
def planted(): pass
""",
    "path_manip": """
=== main.py
import pkg
from pkg import plug
def entry(): return plug.V
=== pkg/__init__.py
import os
__path__.append(os.path.join(os.path.dirname(__file__), "extra"))
=== pkg/extra/plug.py
V = 3
""",
    "sys_path_vendor": """
=== main.py
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "vendor"))
import lib
def entry(): return lib.V
=== vendor/lib.py
V = 3
def planted(): pass
""",
    "function_that_hides_its_module": """
=== main.py
import p
import p.work
from p import work
def entry(): return work(), p.work.__name__
=== p/__init__.py
from .work import work
=== p/work.py
def work(): return "f"
""",
    "function_hidden_by_a_module_that_another_imports": """
=== main.py
import p
import other
def entry(): return callable(p.work), getattr(p.work, "x", None)
=== other.py
import p.work
=== p/__init__.py
def work(): return "f"
=== p/work.py
x = 1
""",
    "module_that_hides_a_function_before_it": """
=== main.py
from p import work
def entry(): return callable(work)
=== p/__init__.py
def work(): return "f"
from .work import helper
=== p/work.py
def helper(): return 1
""",
    "function_hidden_once_its_module_is_loaded": """
=== main.py
import p
def entry():
    a = callable(p.work)
    p.load()
    return a, callable(p.work)
=== p/__init__.py
def work(): return "f"
def load():
    import p.work
=== p/work.py
def helper(): return 1
""",
}
