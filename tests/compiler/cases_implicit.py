"""Tiny programs about what Python does without being asked for it by name. Each has main:entry; see test_slices."""

CASES = {
    "a_star_import_loads_the_modules_that_all_names": """
=== main.py
from plugs import *
import reg
def entry(): return reg.R
=== plugs/__init__.py
__all__ = ["b", "a"]
def planted(): pass
=== plugs/a.py
import reg
reg.R.append("a")
def planted(): pass
=== plugs/b.py
import reg
reg.R.append("b")
=== plugs/c.py
import reg
reg.R.append("c")
=== reg.py
R = []
""",
    "a_package_loads_its_modules_by_a_star_import_of_itself": """
=== main.py
import plugs
def entry(): return plugs.a.V + plugs.b.V, plugs.__all__
=== plugs/__init__.py
import os
__all__ = sorted(f[:-3] for f in os.listdir(os.path.dirname(__file__)) if f.endswith(".py") and f[0] != "_")
from . import *
=== plugs/a.py
V = 1
=== plugs/b.py
V = 2
""",
    "a_star_import_in_a_try_loads_modules": """
=== main.py
import reg
try:
    from plugs import *
except ImportError:
    pass
def entry(): return reg.R
=== plugs/__init__.py
import pkgutil
__all__ = [found.name for found in pkgutil.iter_modules(__path__)]
=== plugs/a.py
import reg
reg.R.append("a")
=== reg.py
R = []
""",
    "a_name_that_the_package_binds_is_no_module_to_load": """
=== main.py
from plugs import *
import reg
def entry(): return reg.R, a()
=== plugs/__init__.py
__all__ = ["a"]
def a(): return 1
=== plugs/a.py
import reg
reg.R.append("a")
=== reg.py
R = []
""",
    "an_import_is_changed_in_place": """
=== main.py
from urllib.parse import uses_relative as relative
from urllib.parse import uses_netloc
relative += ["zz"]
uses_netloc.append("zz")
import urllib.parse
def entry(): return urllib.parse.urljoin("zz://h/a/b", "c")
def planted(): pass
""",
    "a_module_is_reached_through_another": """
=== main.py
import contextlib, dataclasses, sys, os
from dataclasses import sys as same
dataclasses.sys.setrecursionlimit(555)
value = same.set_int_max_str_digits(777)
contextlib.os.environ.update(GOTEE_TEST_Q="1")
def entry(): return sys.getrecursionlimit(), sys.get_int_max_str_digits(), os.environ.get("GOTEE_TEST_Q")
def planted(): pass
""",
    "import_module_through_another_module": """
=== main.py
import inspect
found = inspect.importlib.import_module("other")
def entry(): return found.V
=== other.py
V = 3
""",
    "whether_a_module_is_there": """
=== main.py
import importlib.util
import pkg.flags
HAS = importlib.util.find_spec("other") is not None
HAS_INNER = importlib.util.find_spec("pkg.inner") is not None
HAS_NOT = importlib.util.find_spec("absent_q") is not None
def entry(): return HAS, HAS_INNER, HAS_NOT, pkg.flags.find("other")
def planted(): pass
=== other.py
V = 3
=== pkg/__init__.py
=== pkg/inner.py
def planted(): pass
=== pkg/flags.py
import importlib.util
def find(name): return importlib.util.find_spec(name) is not None
""",
    "a_decorator_fills_all": """
=== main.py
from lib import *
def entry(): return a(), K.v, X, "hidden" in globals()
=== lib.py
__all__ = []
def export(fn):
    __all__.append(fn.__name__)
    return fn
@export
def a(): return "a" + hidden()
def hidden(): return "h"
@export
class K: v = 1
X = 5
def public(name): __all__.extend([name])
public("X")
""",
    "another_module_changes_all": """
=== main.py
import tune, reg
from lib import *
from other import *
def entry(): return reg.R, b()
=== lib/__init__.py
__all__ = []
=== lib/plug.py
import reg
reg.R.append(1)
=== other.py
__all__ = ["a"]
def a(): return "a"
def b(): return "b"
=== tune.py
import lib
from other import __all__ as names
lib.__all__ += ["plug"]
names.append("b")
=== reg.py
R = []
""",
    "all_is_only_read": """
=== main.py
from lib import *
import lib
def entry(): return fx(), lib.__all__
=== lib/__init__.py
from . import x, y
from .x import *
__all__ = [*x.__all__, *[name for name in x.__all__ + y.__all__ if name == "fx"]]
def __dir__(): return __all__
=== lib/x.py
__all__ = ["fx"]
def fx(): return 1
def __dir__(): return __all__
def planted(): pass
=== lib/y.py
__all__ = ["fy"]
def fy(): return 2
def planted(): pass
""",
    "all_is_computed_from_others": """
=== main.py
from lib import *
def entry(): return fx()
=== lib/__init__.py
import sys
from .x import *
def join(lists): return [name for names in lists for name in names]
__all__ = join(sys.modules["lib." + name].__all__ for name in ("x",))
=== lib/x.py
__all__ = ["fx"]
def fx(): return 1
def planted(): pass
""",
    "the_standard_library_finds_the_program_s_module": """
=== main.py
import secrets
def entry(): return secrets.compare_digest(b"a", b"a")
=== hmac.py
def compare_digest(a, b): return "mine"
=== calendar.py
def planted(): pass
""",
    "relative_import_by_call": """
=== main.py
import pkg
def entry(): return pkg.found.f()
=== pkg/__init__.py
found = __import__("sub", globals(), None, ["f"], 1)
=== pkg/sub.py
def f(): return "sub"
""",
    "a_star_import_brings_names_that_are_computed": """
=== main.py
from mid import *
import pkg
def entry(): return Full.code, pkg.op_add()
=== mid.py
from errors import *
=== errors.py
import sys
def make(name, code):
    setattr(sys.modules[__name__], name, type(name, (Exception,), {"code": code}))
for name, code in {"Missing": 1, "Full": 2}.items(): make(name, code)
=== pkg/__init__.py
from ops import *
def planted(): pass
=== ops.py
for name in ("add", "sub"): globals()["op_" + name] = lambda: name
""",
    "a_method_of_a_local_imports_in_a_try": """
=== main.py
from loader import Loader
def entry():
    loader = Loader()
    try:
        return loader.load()
    except KeyError as error:
        return str(error)
=== loader.py
class Loader:
    def load(self):
        import plug
        return plug.f()
=== plug.py
KNOWN = {}
KNOWN["a"]["b"] = 1
def f(): return 1
def planted(): return 1
""",
    "an_import_of_two_modules_of_which_one_is_used": """
=== main.py
from pkg import used, registers
import pkg.inner, reg
def entry(): return used.f(), reg.R, pkg.inner.first.V
=== pkg/__init__.py
def planted(): pass
=== pkg/used.py
def f(): return 1
=== pkg/registers.py
import reg
reg.R.append("registers")
def planted(): pass
=== pkg/inner/__init__.py
from . import (
    first,
    second,
)
=== pkg/inner/first.py
V = 1
=== pkg/inner/second.py
import reg
reg.R.append("second")
def planted(): pass
=== reg.py
R = []
""",
    "an_import_of_a_function_that_hides_its_module": """
=== main.py
from pkg import used, thing
def entry(): return used.f()
=== pkg/__init__.py
from .thing import thing
from . import used
LOG = []
=== pkg/used.py
def f():
    import pkg
    return callable(pkg.thing)
=== pkg/thing.py
def thing(): return 1
""",
    "what_a_function_imports_imports_in_its_turn": """
=== main.py
def call():
    from outer import f
    return f()
def entry():
    import reg
    return reg.LOG, call(), reg.LOG
=== outer.py
import inner as unused
def f(): return 2
def planted(): pass
=== inner.py
import innermost
from reg import LOG
LOG.append("inner")
def planted(): pass
=== innermost.py
from reg import LOG
LOG.append("innermost")
=== unrelated.py
from reg import LOG
LOG.append("unrelated")
=== reg.py
LOG = []
""",
    "whether_some_module_is_there": """
=== main.py
import importlib.util, sys
def entry(): return importlib.util.find_spec(sys.intern("other")) is not None
=== other.py
V = 3
""",
    "partial_of_import_module_and_locate": """
=== main.py
import functools, importlib, pydoc
load = functools.partial(importlib.import_module, "other")
def entry(): return load().V, pydoc.locate("third.K").v
=== other.py
V = 3
=== third.py
class K: v = 1
def planted(): pass
""",
    "type_checking_is_set": """
=== main.py
import typing
typing.TYPE_CHECKING = True
if typing.TYPE_CHECKING:
    V = 1
def entry(): return V
""",
    "builtin_types_are_registered": """
=== main.py
import abc, collections.abc, numbers
numbers.Number.register(str)
made = [collections.abc.Sized.register(each) for each in (float,)]
other: (abc.ABCMeta.register(collections.abc.Sized, complex)) = 1
class planted: pass
collections.abc.Sized.register(planted)
def entry(): return [isinstance("a", numbers.Number), isinstance(1.5, collections.abc.Sized), len([1j])]
""",
    "operators_by_their_special_names": """
=== main.py
import heapq, operator
L = [1, 3]
D = {}
operator.__iadd__(L, [2])
heapq._heapify_max(L)
done = operator.__setitem__(D, "a", 1)
def entry(): return L, D
def planted(): pass
""",
    "annotations_in_functions_are_not_evaluated": """
=== main.py
from typing import Dict, List, Set, TYPE_CHECKING
from other import Kind
class Holder:
    def fill(self):
        self.items: List[int] = [1]
        return self.items
def entry():
    seen: Set[str] = set()
    by_kind: Dict[str, Kind]
    if TYPE_CHECKING:
        seen = Kind()
    return seen, Holder().fill()
def planted(): pass
=== other.py
def planted(): pass
class Kind: pass
""",
}
MAY_REFUSE = {"whether_some_module_is_there", "type_checking_is_set"}
