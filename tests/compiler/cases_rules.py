"""Tiny programs in which a statement that looks as if it only made a value runs code of the program, or takes a value
that other code changes. Each has main:entry; see test_slices.
"""

CASES = {
    "code_runs_in_types_and_annotations": """
=== main.py
import setup
from reg import R
def entry(): return R
=== reg.py
R = []
def add(x):
    R.append(x)
    return int
=== setup.py
from typing import Annotated, Generic, List
from reg import add
A = Annotated[int, add("annotated")]
B = list[add("list")]
C = dict[str, add("dict")] | None
class D(List[add("base")]): pass
def f(*args: add("args"), **kw: add("kw")): pass
def planted(): pass
""",
    "code_runs_in_format_and_except": """
=== main.py
import setup
from reg import R
def entry(): return R
=== reg.py
R = []
def add(x):
    R.append(x)
    return ValueError if x == "except" else ""
class Hook:
    def setter(self, f): R.append(f.__name__)
hook = Hook()
=== setup/__init__.py
from . import two, three
from reg import add
F = f"{1:{add('format')}}"
=== setup/two.py
from reg import add
try:
    X = int("z")
except add("except"):
    X = 0
=== setup/three.py
from reg import hook
class C:
    @hook.setter
    def x(self): pass
""",
    "set_name_of_what_a_class_takes_from_elsewhere": """
=== main.py
import one, two, three
from reg import R
def entry(): return R
=== reg.py
R = []
class D:
    def __set_name__(self, owner, name): R.append((owner.__name__, name))
d = D()
=== one.py
from reg import d
class One:
    a, b = d, 1
=== two.py
from reg import d
class Two:
    x = [y := d]
=== three.py
from dataclasses import dataclass, field
from reg import d
@dataclass
class Three:
    x: object = field(default=d)
class planted: pass
""",
    "hooks_of_classes_bound_in_other_ways": """
=== main.py
import subs
from reg import R
def entry(): return R
=== reg.py
import sys
R = []
def hook(cls): R.append(cls.__name__)
class Conditional:
    if sys.version_info >= (3, 8):
        def __init_subclass__(cls): R.append(cls.__name__)
    try:
        def __class_getitem__(cls, key): R.append(key)
    finally:
        pass
class Unpacked:
    __init_subclass__, z = classmethod(hook), 1
class Annotated:
    __init_subclass__: object = classmethod(hook)
class Imported:
    from given import __init_subclass__
=== given.py
import reg
@classmethod
def __init_subclass__(cls): reg.R.append(cls.__name__)
=== subs.py
import reg
class A(reg.Conditional): pass
class B(reg.Unpacked): pass
class C(reg.Annotated): pass
class D(reg.Imported): pass
E = reg.Conditional["key"]
""",
    "hook_set_by_type_setattr": """
=== main.py
import hooks, setup
from reg import R
def entry(): return R
=== reg.py
R = []
class Base: pass
=== hooks.py
from reg import R, Base
type.__setattr__(Base, "__init_subclass__", classmethod(lambda cls: R.append(cls.__name__)))
=== setup.py
from reg import Base
class Sub(Base): pass
""",
    "enum_hashes_parts_of_its_values": """
=== main.py
import setup
from reg import R
def entry(): return len(R) > 0
=== reg.py
R = []
class V:
    def __hash__(self):
        R.append("hash")
        return 1
v = V()
=== setup.py
import enum
from reg import v
class E(enum.Enum):
    A = (v, 1)
""",
    "globals_set_by_computed_names_are_not_plain": """
=== main.py
import one, two, three, setup, use
from reg import R
def entry(): return R
=== reg.py
R = []
class N(int):
    def __add__(self, o): R.append(int(self))
=== one.py
from reg import N
X = 1
for name in ("X",):
    globals()[name] = N(1)
Y = X + 1
=== two.py
from reg import N
X = 1
globals().update(X=N(2))
Y = X + 1
=== three.py
X = 1
Z = 1
=== setup.py
from reg import N
import three
vars(three).update({"X": N(3)})
for name in ["Z"]:
    setattr(three, name, N(4))
=== use.py
from three import X
import three
Y = X + 1, three.Z + 1
""",
    "printing_into_replaced_streams": """
=== main.py
import out, noisy
def entry(): return out.OUT.getvalue(), out.ERR.getvalue()[:9]
=== out.py
import io, sys
OUT, ERR = io.StringIO(), io.StringIO()
sys.stdout, sys.stderr = OUT, ERR
=== noisy.py
import pprint, sys, traceback
pprint.pprint({"a": 1})
try:
    int("x")
except ValueError:
    traceback.print_exc()
sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
""",
    "import_by_a_call_that_makes_a_value": """
=== main.py
import setup
from reg import R
def entry(): return R
=== reg.py
R = []
=== plug/__init__.py
import reg
reg.R.append("plug")
=== other.py
import reg
reg.R.append("other")
=== setup.py
import importlib, importlib.resources
ROOT = importlib.resources.files("plug")
OTHER = importlib.import_module("other")
""",
    "value_taken_before_it_is_patched": """
=== main.py
import a, b
import patch
def entry():
    from user import get
    return get()
=== a.py
import lib
A = lib.f
=== b.py
from lib import f
=== user.py
import a, b
def get(): return a.A(), b.f()
=== patch.py
import lib
lib.f = lambda: "patched"
=== lib.py
def f(): return "as it was"
""",
    "star_from_the_standard_library_hides_a_definition": """
=== main.py
def sqrt(x): return "own"
from math import *
def floor(x): return "own"
try:
    from cmath import *
except ImportError:
    pass
def entry(): return sqrt(-4), floor(2.5)
""",
    "state_of_the_standard_library_seen_in_other_ways": """
=== main.py
import setup, errors, logging, html
def entry():
    loggers = [n for n in logging.root.manager.loggerDict if n.startswith("app")]
    derived = [c.__name__ for c in Exception.__subclasses__() if c.__module__ == "errors"]
    return sorted(loggers), derived, html.unescape("&zzz;"), translated()
def translated(): return _("text")
=== setup.py
import builtins, logging
from html.entities import html5
log = logging.getLogger("app.db")
added = html5.setdefault("zzz;", "Z")
def install(names=vars(builtins)): names["_"] = str.upper
install()
planted = 1
=== errors.py
class A(Exception): pass
class B(Exception): pass
""",
    "folders_put_before_those_that_are_there": """
=== main.py
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "vendor"))
import lib
import app
from app.mod import M
def entry(): return lib.L, M
=== lib.py
L = "own"
=== vendor/lib.py
L = "vendored"
=== app/__init__.py
from pathlib import Path
__path__ = [str(Path(__file__).parent / "new"), *__path__]
=== app/mod.py
M = "old"
=== app/new/mod.py
M = "new"
planted = 1
""",
    "private_names_of_classes": """
=== main.py
import lib
_C__secret = 5
_C__n = 0
class C:
    def get(self): return __secret, lib.__secret
    def count(self):
        global __n
        __n += 1
C().count()
def entry(): return C().get(), _C__n
=== lib.py
_C__secret = 7
def planted(): pass
""",
    "imports_and_classes_are_watched": """
=== main.py
import hook
import a
def entry(): return hook.SEEN
=== hook.py
import builtins, sys
SEEN = []
class Spy:
    def find_spec(self, name, path=None, target=None):
        if name in ("a", "b"): SEEN.append(name)
sys.meta_path.insert(0, Spy())
_old = builtins.__build_class__
def spy(function, name, *rest, **more):
    if name.startswith("My"): SEEN.append(name)
    return _old(function, name, *rest, **more)
builtins.__build_class__ = spy
=== a.py
import b
=== b.py
class MyB: pass
""",
    "frame_of_the_caller": """
=== main.py
import tool
R = []
tool.register("a")
def entry(): return R
=== tool.py
import inspect
def register(x):
    caller = inspect.currentframe().f_back
    caller.f_locals["R"].append(x)
""",
    "import_fails_in_what_a_try_calls": """
=== main.py
import importlib
FAILED = []
def load(name): __import__(name)
def boot():
    import plug
for name in ("one", "two"):
    try:
        importlib.import_module(name)
    except ImportError:
        FAILED.append(name)
try:
    boot()
except ValueError:
    FAILED.append("plug")
try:
    load("three")
except ValueError:
    FAILED.append("three")
def entry(): return FAILED
=== one.py
planted = [1]
=== two.py
import no_such_package_anywhere
=== plug.py
X = int("not a number")
class planted(Exception): pass
=== three.py
X = int("not a number")
""",
    "types_in_strings_outside_of_annotations": """
=== main.py
import typing
from models import f, g, h, P, T
def entry(): return [str(typing.get_type_hints(each)) for each in (f, g, h, P, T)]
=== models.py
from typing import NamedTuple, Optional, TypedDict
class A: pass
class B: pass
class C: pass
class D: pass
class E: pass
Alias = "A"
Maybe = Optional["B"]
def f(x: Alias): pass
def g(x: Maybe): pass
def h(x): pass
h.__annotations__ = {"x": "C"}
P = NamedTuple("P", [("x", "D")])
T = TypedDict("T", {"x": "E"})
class planted: pass
""",
    "getattr_of_a_module_is_called_by_imports": """
=== main.py
from lib import *
import lib, use
def entry(): return lib.COUNT, answer
=== lib.py
__all__ = ["answer"]
COUNT = []
def __getattr__(name):
    if name in ("answer", "dyn"):
        COUNT.append(name)
        return 42
    raise AttributeError(name)
def planted(): pass
=== use.py
from lib import dyn
""",
}
