"""Tiny programs about modules, packages and names across files. Each has main:entry; see test_slices."""

CASES = {
    "package_init_effect": """
=== main.py
from pkg.a import f
def entry(): return f()
=== pkg/__init__.py
from . import conf
conf.MODES.append("init")
=== pkg/conf.py
MODES = []
=== pkg/a.py
from .conf import MODES
def f(): return MODES
def planted(): return 0
""",
    "nested_packages_relative": """
=== main.py
from a.b.c import f
def entry(): return f()
=== a/__init__.py
ROOT = 1
def planted(): pass
=== a/b/__init__.py
from .. import ROOT as R
from ..util import up
=== a/b/c.py
from . import R, up
from ...a.util import down
def f(): return up(R), down(R)
=== a/util.py
def up(x): return x + 1
def down(x): return x - 1
def planted(): return 0
""",
    "namespace_package": """
=== main.py
import ns.deep.mod as m
def entry(): return m.f()
=== ns/deep/mod.py
from ns.other import K
def f(): return K
=== ns/other.py
K = 3
planted = 4
""",
    "reexport_through_init": """
=== main.py
import pkg
def entry(): return pkg.thing(2), pkg.Alias().v
=== pkg/__init__.py
from ._impl import thing, Klass as Alias, planted
__all__ = ["thing", "Alias"]
=== pkg/_impl.py
def thing(x): return x * _k()
def _k(): return 3
class Klass: v = 1
def planted(): return 0
""",
    "star_with_all": """
=== main.py
from lib import *
def entry(): return a(), "b" in globals()
=== lib.py
__all__ = ["a"]
def a(): return b()
def b(): return 1
""",
    "star_without_all": """
=== main.py
from lib import *
def entry(): return pub()
=== lib.py
def pub(): return _priv()
def _priv(): return 2
def planted(): return 0
""",
    "star_all_built_in_steps": """
=== main.py
from pkg import *
def entry(): return one(), two()
=== pkg/__init__.py
from . import x, y
from .x import *
from .y import *
__all__ = x.__all__ + y.__all__
=== pkg/x.py
__all__ = ["one"]
def one(): return 1
=== pkg/y.py
__all__ = []
__all__ += ["two"]
def two(): return 2
""",
    "star_later_wins": """
=== main.py
from a import *
from b import *
def entry(): return f()
=== a.py
def f(): return "a"
=== b.py
def f(): return "b"
""",
    "star_does_not_hide_builtin": """
=== main.py
from lib import *
def entry(): return max(1, 2)
=== lib.py
__all__ = ["other"]
def max(*a): return other()
def other(): return "mine"
use = max(1)
""",
    "star_underscore_listed": """
=== main.py
from lib import *
def entry(): return _hidden()
=== lib.py
__all__ = ["_hidden"]
def _hidden(): return 5
""",
    "star_of_submodules_listed": """
=== main.py
from pkg import *
def entry(): return sub.f()
=== pkg/__init__.py
__all__ = ["sub"]
=== pkg/sub.py
def f(): return 6
""",
    "all_read_as_data": """
=== main.py
import lib
def entry(): return [getattr(lib, n)() for n in lib.__all__]
=== lib.py
__all__ = ["a", "b"]
def a(): return 1
def b(): return 2
""",
    "submodule_imported_elsewhere": """
=== main.py
import pkg
import helper
def entry(): return pkg.sub.f()
=== pkg/__init__.py
=== pkg/sub.py
def f(): return 11
=== helper.py
import pkg.sub
""",
    "standard_submodule_imported_elsewhere": """
=== main.py
import xml
import helper
def entry(): return xml.etree.ElementTree.fromstring("<a/>").tag
=== helper.py
import xml.etree.ElementTree
""",
    "submodule_shadowed_by_function": """
=== main.py
import pkg
from pkg import run
def entry(): return pkg.run(), run()
=== pkg/__init__.py
from .run import run
=== pkg/run.py
def run(): return "function"
""",
    "import_as_chain": """
=== main.py
import pkg.sub.leaf as L, pkg.sub
def entry(): return L.f(), pkg.sub.leaf.g()
=== pkg/__init__.py
=== pkg/sub/__init__.py
=== pkg/sub/leaf.py
def f(): return 1
def g(): return 2
def planted(): return 3
""",
    "circular_packages": """
=== main.py
import pkg
def entry(): return pkg.a.f(2)
=== pkg/__init__.py
from . import a
from . import b
=== pkg/a.py
from pkg import b
def f(n): return n if n <= 0 else b.g(n - 1)
=== pkg/b.py
import pkg.a as a
def g(n): return a.f(n) + 1
""",
    "circular_late_binding": """
=== main.py
import a
def entry(): return a.X, a.b.Y
=== a.py
X = 1
import b
X = b.Y + 1
=== b.py
import a
Y = a.X + 10
""",
    "circular_import_error_is_caught": """
=== main.py
import a
def entry(): return a.value
=== a.py
import b
K = 1
value = b.got
=== b.py
try:
    from a import K
    got = "early"
except ImportError:
    got = "late"
""",
    "optional_import_missing": """
=== main.py
try:
    import surely_not_there_xyz
    HAVE = True
except ImportError:
    HAVE = False
def entry(): return HAVE
""",
    "optional_import_of_module_that_fails": """
=== main.py
try:
    from fast import f
except ImportError:
    from slow import f
def entry(): return f()
=== fast.py
import surely_not_there_xyz
def f(): return "fast"
=== slow.py
def f(): return "slow"
""",
    "optional_import_raises_deep": """
=== main.py
try:
    import fast as impl
except Exception:
    import slow as impl
def entry(): return impl.f()
=== fast.py
import deep
def f(): return "fast"
=== deep.py
FLAG = 3
if FLAG > 2:
    raise RuntimeError("no")
=== slow.py
def f(): return "slow"
""",
    "optional_import_with_suppress": """
=== main.py
import contextlib
impl = None
with contextlib.suppress(ZeroDivisionError):
    import fast as impl
def entry(): return impl is None
=== fast.py
X = 1 / 0
""",
    "import_in_function": """
=== main.py
def entry():
    from lib import f
    import pkg.mod as m
    return f(), m.g()
=== lib.py
LOG = []
LOG.append(1)
def f(): return LOG
def planted(): return 0
=== pkg/__init__.py
=== pkg/mod.py
def g(): return 2
def planted(): return 0
""",
    "import_in_function_run_at_import": """
=== main.py
import reg
def load():
    import plugins
load()
def entry(): return reg.R
=== reg.py
R = []
=== plugins.py
import reg
reg.R.append("plugin")
""",
    "import_in_class_body": """
=== main.py
class C:
    from lib import f as g
    import lib as l
def entry(): return C.g(1), C.l.K
=== lib.py
def f(self): return 4
K = 5
""",
    "import_inside_if_else": """
=== main.py
import sys
if sys.platform == "nowhere":
    from nowhere import f
else:
    from lib import f
def entry(): return f()
=== lib.py
def f(): return 1
""",
    "type_checking_else": """
=== main.py
import typing
if typing.TYPE_CHECKING:
    from lib import Planted
else:
    Planted = None
    MARK = 3
def entry(): return MARK
=== lib.py
class Planted: pass
""",
    "main_block_with_else": """
=== main.py
MODE = []
if __name__ == "__main__":
    planted = 1
    MODE.append("main")
else:
    MODE.append("imported")
def entry(): return MODE
""",
    "name_not_main": """
=== main.py
MODE = []
if __name__ != "__main__": MODE.append("imported")
def entry(): return MODE
""",
    "one_line_statements": """
=== main.py
a = 1; planted = 2; b = 3
import os; x = os.sep; planted2 = x
def f(): return a;
if a: c = 4; planted3 = 5
def entry(): return a, b, f(), c
""".replace("planted3", "other"),
    "semicolons_only_dropped": """
=== main.py
planted = 1; planted2 = 2; planted3 = 3
'text'; planted4 = 4
def entry(): return __doc__
""",
    "docstring_read": """
=== main.py
'''Docs of the module.'''
import lib
def entry(): return __doc__, lib.__doc__
=== lib.py
"lib docs"
planted = 1
""",
    "line_numbers_stay": """
=== main.py
planted = [
    1,
    2,
]
import sys
def where(): return sys._getframe(1).f_lineno
@ (lambda f: f)
def entry():
    return where(), entry.__code__.co_firstlineno
""",
    "source_of_function": """
=== main.py
import inspect
planted = 1
def f():
    # a comment
    return 1
def entry(): return inspect.getsource(f)
""",
    "source_of_module": """
=== main.py
import inspect, lib
def entry(): return len(inspect.getsource(lib))
=== lib.py
X = 1
# about g
def g(): return 2
if __name__ == "__main__":
    g()
""",
    "own_file_read": """
=== main.py
def unused(): return 1
def entry():
    with open(__file__) as f: return len(f.read())
""",
    "file_name": """
=== main.py
import os
HERE = os.path.basename(__file__)
def planted(): return 1
def entry(): return HERE, __name__, __package__
""",
    "package_data_pkgutil": """
=== main.py
from pkg import load
def entry(): return load.text()
=== pkg/__init__.py
=== pkg/load.py
import pkgutil
def text(): return pkgutil.get_data("pkg", "data.txt")
=== pkg/data.txt
hello data
""",
    "package_data_resources": """
=== main.py
from importlib import resources
def entry(): return resources.files("pkg.data").joinpath("x.json").read_text()
=== pkg/__init__.py
=== pkg/data/__init__.py
=== pkg/data/x.json
{"x": 1}
""",
    "package_data_by_file": """
=== main.py
from pkg import load
def entry(): return load()
=== pkg/__init__.py
import os
def load():
    with open(os.path.join(os.path.dirname(__file__), "d", "t.txt")) as f: return f.read()
=== pkg/d/t.txt
text
""",
    "module_attribute_set_from_outside": """
=== main.py
import lib, setup
def entry(): return lib.extra()
=== lib.py
base = 1
=== setup.py
import lib
def extra(): return lib.base + 1
lib.extra = extra
""",
    "module_getattr_function": """
=== main.py
import lazy
from lazy import other
def entry(): return lazy.thing, other
=== lazy.py
_table = {"thing": 1, "other": 2}
def __getattr__(name):
    if name in _table: return _table[name]
    raise AttributeError(name)
""",
    "module_class_replaced": """
=== main.py
import lib
def entry(): return lib.value, lib.plain
=== lib.py
import sys, types
plain = 2
class Lazy(types.ModuleType):
    @property
    def value(self): return self.plain * 21
sys.modules[__name__].__class__ = Lazy
""",
    "module_replaced_by_object": """
=== main.py
import lib
def entry(): return lib.go(2)
=== lib.py
import sys
class Api:
    def go(self, x): return x * K
K = 8
sys.modules[__name__] = Api()
""",
    "module_as_value": """
=== main.py
import lib
def names(m): return sorted(n for n in dir(m) if not n.startswith("_"))
def entry(): return names(lib)
=== lib.py
import os
A = 1
def b(): return 2
class C: pass
""",
    "module_in_table": """
=== main.py
import x, y
MODS = {"x": x, "y": y}
def entry(): return [m.run() for m in MODS.values()]
=== x.py
def run(): return "x"
=== y.py
def run(): return helper()
def helper(): return "y"
""",
    "future_annotations_dataclass_classvar": """
=== main.py
from __future__ import annotations
import dataclasses
import typing as t
@dataclasses.dataclass
class D:
    a: int
    b: t.ClassVar[int] = 3
def entry(): return [f.name for f in dataclasses.fields(D)]
""",
    "inherited_dataclass_hints_other_module": """
=== main.py
from lib import Child
import typing
def entry(): return sorted((k, v.__name__) for k, v in typing.get_type_hints(Child).items())
=== lib.py
from __future__ import annotations
from dataclasses import dataclass
from other import Leaf
@dataclass
class Base:
    x: Leaf
@dataclass
class Child(Base):
    y: Other
class Other: pass
=== other.py
class Leaf: pass
class planted: pass
""",
    "encoding_cookie": """
=== main.py
# -*- coding: utf-8 -*-
planted = "\u00e9"
X = "\u00fc"; planted2 = 1; Y = "\u00e9"
def entry(): return X, Y
""",
    "line_continuation": """
=== main.py
planted = 1 + \\
    2
X = 3 + \\
    4
from lib import (
    a,  # first
    planted3,
    b,
)
def entry(): return X, a, b
=== lib.py
a, b = 1, 2
planted3 = 3
""",
    "subclasses_listed": """
=== main.py
import shapes
from base import Base
def entry(): return sorted(c.__name__ for c in Base.__subclasses__())
=== base.py
class Base: pass
=== shapes.py
from base import Base
class A(Base): pass
class B(Base): pass
class Unrelated: pass
""",
    "subclasses_found_by_method": """
=== main.py
class Plugin:
    @classmethod
    def all(cls): return [c.name for c in cls.__subclasses__()]
class One(Plugin): name = 1
class Two(Plugin): name = 2
def entry(): return Plugin.all()
""",
    "type_call_makes_subclass": """
=== main.py
class Base: pass
Made = type("Made", (Base,), {"v": 1})
def entry(): return [c.__name__ for c in Base.__subclasses__()]
""",
    "enum_members_and_alias": """
=== main.py
import enum
from lib import value
class Color(enum.IntEnum):
    RED = 1
    BLUE = value()
    AZURE = BLUE
ALIAS = Color.RED
def entry(): return list(Color), Color(2).name, ALIAS
=== lib.py
def value(): return 2
""",
    "namedtuple_typed": """
=== main.py
from typing import NamedTuple, TypedDict
class P(NamedTuple):
    x: int
    y: "Inner" = None
    def f(self): return self.x + K
class Inner: pass
class T(TypedDict, total=False):
    a: Inner
K = 2
def entry(): return P(1).f(), sorted(T.__annotations__)
""",
    "exception_hierarchy": """
=== main.py
from errors import Specific, Base
def f(): raise Specific("x")
def entry():
    try: f()
    except Base as e: return type(e).__mro__[1].__name__, e.code
=== errors.py
class Base(Exception): code = 1
class Specific(Base): code = 2
class planted(Base): pass
""",
    "string_spelled_reference": """
=== main.py
import importlib
TARGET = "jobs.work:run"
def entry():
    module, _, name = TARGET.partition(":")
    return len(TARGET)
""",
    "module_taken_from_sys_modules": """
=== main.py
import loader, sys
x = sys.modules["lib"]
def entry(): return x.f()
=== loader.py
import lib
def planted(): pass
=== lib.py
def f(): return 1
def planted(): return 2
""",
    "entry_of_sys_modules_that_is_replaced": """
=== main.py
import sys, lib
class Other:
    def f(self): return "other"
sys.modules["lib"] = Other()
x = sys.modules["lib"]
def entry(): return x.f()
=== lib.py
def f(): return 1
""",
    "sys_of_its_own": """
=== main.py
import sys, lib
class Own: modules = {"lib": "text"}
sys = Own
x = sys.modules["lib"]
def entry(): return x.upper()
=== lib.py
def f(): return 1
""",
    "module_imported_by_the_builtin": """
=== main.py
from reg import LOG
p = __import__("p.q", fromlist=["sub", "f"])
other = __import__("lib")
third = __import__("importlib").import_module("third")
def entry(): return LOG, p.f(), other.f(), third.f()
=== p/__init__.py
def planted(): return 0
=== p/q/__init__.py
def f(): return 1
def planted(): return 2
=== p/q/sub.py
from reg import LOG
LOG.append("sub")
def planted(): return 3
=== lib.py
def f(): return 4
def planted(): return 5
=== third.py
def f(): return 6
def planted(): return 7
=== reg.py
LOG = []
""",
    "builtin_import_of_its_own": """
=== main.py
import other
def __import__(name, fromlist=()): return other
n = __import__("lib", fromlist=["f"])
def entry(): return n.f()
=== other.py
def f(): return "other"
=== lib.py
def f(): return "lib"
""",
    "builtin_import_of_its_own_by_a_star": """
=== main.py
from hooks import *
n = __import__("lib", fromlist=["f"])
def entry(): return n.f()
=== hooks.py
import other
__all__ = ["__import__"]
def __import__(name, fromlist=()): return other
=== other.py
def f(): return "other"
=== lib.py
def f(): return "lib"
""",
    "module_of_sys_modules_that_is_changed": """
=== main.py
import sys, lib, patch
x = sys.modules["lib"]
def entry(): return x.f(), x.g()
=== patch.py
import sys
y = sys.modules["lib"]
y.f = lambda: "patched"
setattr(y, "g", lambda: "set")
=== lib.py
def f(): return 1
def g(): return 2
def planted(): return 3
""",
    "class_imports_module_of_which_names_are_asked": """
=== main.py
class C:
    import lib as l
    def m(self): return self.l.f()
class D(C): pass
def entry(): return C.l.h(), D().m()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
def planted(): return 0
""",
    "class_imports_module_that_vars_reads": """
=== main.py
class C:
    import lib as l
def entry(): return vars(C.l)["h"]()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_that_a_text_names": """
=== main.py
class C:
    import lib as l
def entry(): return getattr(C, "l").h()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_that_a_format_names": """
=== main.py
class C:
    import lib as l
def entry(): return "{0.l.LOG}".format(C)
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_that_a_metaclass_reads": """
=== main.py
class M(type):
    def __new__(mcs, n, b, ns):
        cls = super().__new__(mcs, n, b, ns)
        cls.got = [v.h() for v in ns.values() if hasattr(v, "h")]
        return cls
class C(metaclass=M):
    import lib as l
def entry(): return C.got
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_that_a_decorator_reads": """
=== main.py
def seen(cls):
    for k, v in cls.__dict__.items():
        if k == "l": cls.got = v.h()
    return cls
@seen
class C:
    import lib as l
def entry(): return C.got
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_that_is_handed_on": """
=== main.py
class C:
    import lib as l
def call(m): return m.h()
def entry(): return call(C.l), C.l.f()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_that_another_module_changes": """
=== main.py
import other
from klass import C
def entry(): return C.l.LOG, C.l.x
=== klass.py
class C:
    import lib as l
=== other.py
from klass import C
C.l.LOG.append("other")
setter = 1
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
def planted(): return 0
x = 1
""",
    "class_imports_module_whose_global_is_set": """
=== main.py
import other, lib
from klass import C
def entry(): return lib.x, C.l.f()
=== klass.py
class C:
    import lib as l
=== other.py
from klass import C
C.l.x = 5
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
x = 1
""",
    "class_imports_module_that_a_pattern_takes": """
=== main.py
class C:
    import lib as l
def entry():
    match C():
        case C(l=m): return m.h()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_under_another_name_of_the_class": """
=== main.py
class C:
    import lib as l
    keep = l
def entry(): return C.keep.h()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_with_a_private_name": """
=== main.py
class C:
    import lib as __l
    def m(self): return self.__l.h()
def entry(): return C().m()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_with_globals_of_a_function": """
=== main.py
class C:
    import lib as l
def entry(): return C.l.f.__globals__["h"]()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_and_a_name_with_globals": """
=== main.py
class C:
    from lib import f as g
def entry(): return C.g.__globals__["h"]()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_that_has_a_module": """
=== main.py
class C:
    import pk as l
def entry(): return C.l.lib.h()
=== pk/__init__.py
from . import lib
=== pk/lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_that_computes_attributes": """
=== main.py
class C:
    import lib as l
def entry(): return C.l.dyn
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
def __getattr__(name): return name + h()
""",
    "class_imports_module_in_an_outer_variable": """
=== main.py
def make():
    l = None
    class C:
        nonlocal l
        import lib as l
    return l.h()
def entry(): return make()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_in_a_global": """
=== main.py
class C:
    global l
    import lib as l
def entry(): return l.h()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
    "class_imports_module_list_that_is_changed": """
=== main.py
import other
from klass import C
def entry(): return C.LOG, len(C.LOG)
=== klass.py
class C:
    from lib import LOG
=== other.py
from klass import C
C.LOG.append("other")
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
def planted(): return 0
""",
    "class_imports_module_by_attrgetter": """
=== main.py
from operator import attrgetter as ag
class C:
    import lib as l
def entry(): return ag("l.h")(C)()
=== lib.py
def h(): return "h"
def f(): return 1
LOG = []
""",
}
