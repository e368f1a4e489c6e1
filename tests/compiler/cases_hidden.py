"""Tiny programs in which code of the program is run by what does not look like a call of it. Each has main:entry; see
test_slices.
"""

CASES = {
    "functions_of_the_standard_library_look_at_objects": """
=== main.py
import use
from reg import R, names
def entry(): return [kind for kind, _ in R], len(R) > 6, list(names)
=== reg.py
R = []
names = iter(["a", "b", "c"])
class Proxy:
    def __getattr__(self, n):
        R.append(("get", n))
        raise AttributeError(n)
class Getter:
    @property
    def __doc__(self): R.append(("doc", 0))
    def __call__(self, owner): return 1
class Mapping:
    def keys(self):
        R.append(("keys", 0))
        return ["a"]
    def __getitem__(self, key):
        R.append(("item", key))
        return 1
class Hashed:
    def __hash__(self):
        R.append(("hash", 0))
        return 1
proxy, getter, mapping, hashed = Proxy(), Getter(), Mapping(), Hashed()
=== use/__init__.py
from . import one, two, three, four, five
=== use/one.py
import functools
from reg import proxy
@functools.wraps(proxy)
def f(): pass
=== use/two.py
from reg import getter
class C:
    p = property(getter)
=== use/three.py
from collections import defaultdict
from reg import mapping
D = defaultdict(list, mapping)
=== use/four.py
from collections import namedtuple
from reg import names
P = namedtuple("P", names)
=== use/five.py
import typing
from reg import hashed
L = typing.Literal[hashed]
""",
    "aliases_of_types_stay_outside": """
=== main.py
from m import f
def entry(): return f()
=== m.py
from collections import namedtuple
from functools import partial, wraps
from typing import Annotated, Callable, Literal, NewType, Optional, TypeVar, Union
class Meta(type): pass
class K(metaclass=Meta):
    def get(self): return 1
    planted_property = property(get)
T = TypeVar("T", bound="K")
U = NewType("U", int)
V = Union[int, U]
planted_a = Optional[T]
planted_b = Callable[[U, planted_a], "K"]
planted_c = Literal["a", 1]
planted_d = Annotated[U, "x", 3]
planted_e = dict[str, V]
planted_f = Union[planted_e, V, K]
FIELDS = ("a", "b")
planted_g = namedtuple("planted_g", FIELDS)
planted_h = partial(K)
@wraps(K)
def planted_i(): pass
class Field:
    def __set_name__(self, owner, name): pass
class planted_j(Field): pass
def f(): return K.__name__, Field.__name__
""",
    "codec_of_the_program_that_does_more": """
=== main.py
import mycodec, use
from reg import R
def entry(): return R
=== reg.py
R = []
=== mycodec.py
import codecs
from reg import R
def enc(s, errors="strict"):
    R.append(s)
    return s.encode(), len(s)
def dec(b, errors="strict"):
    R.append(bytes(b))
    return "d", len(b)
codecs.register(lambda n: codecs.CodecInfo(enc, dec, name=n) if n == "own" else None)
def handler(e):
    R.append("handled")
    return ("?", e.end)
codecs.register_error("ownerr", handler)
=== use.py
X = "x".encode("own")
class K:
    y = "y".encode("own")
def d(x="z".encode("own")): pass
def f(x, enc): return x.encode(enc)
f("a", "own")
g = str(b"x", "own")
h = bytes("y", encoding="own")
i = "\\xe9".encode("ascii", "ownerr")
planted = "q".encode("utf-8")
""",
    "texts_that_the_standard_library_runs": """
=== main.py
import run
from reg import R
def entry(): return R
=== reg.py
R = []
def hit(): R.append(1)
def profiled(): R.append("profiled")
=== run.py
import code, cProfile, timeit
import reg
timeit.timeit("hit()", setup="from reg import hit", number=2)
timeit.Timer(stmt=lambda: reg.hit()).timeit(1)
timeit.timeit(reg.hit, number=1)
cProfile.Profile().run("import reg; reg.profiled()")
interpreter = code.InteractiveInterpreter({})
interpreter.runsource("import reg; reg.R.append('ran')")
""",
    "annotations_evaluated_at_import": """
=== main.py
import use
from reg import R
def entry(): return R
=== reg.py
R = []
def mark(x):
    R.append(x)
    return int
=== use.py
from __future__ import annotations
import inspect, typing
from reg import mark
def f(a: mark("f.a")) -> mark("ret"): pass
def g(a: "mark('g.a')"): pass
SIGNATURE = inspect.signature(f, eval_str=True)
typing.get_type_hints(g)
""",
    "subclasses_of_outside_classes_are_found_and_changed": """
=== main.py
from m import Plain, Sub
import patch
def entry(): return Plain.v, Sub.v
=== m.py
class Plain: v = 1
class Sub(dict): v = 1
def planted(): pass
=== patch.py
for c in object.__subclasses__():
    if c.__name__ == "Plain": c.v = 2
for c in type.__subclasses__(dict):
    if c.__name__ == "Sub": c.v = 3
""",
    "classes_named_like_channels": """
=== main.py
import setup
from bus import LOG
def entry(): return LOG
=== bus.py
LOG = []
class Chan:
    def send(self, x): LOG.append(x)
    def recv(self): LOG.append("r")
    def __iter__(self): return iter([1, 2])
class Channel(Chan):
    def close(self): LOG.append("closed")
=== setup.py
from bus import Chan, Channel, LOG
c = Chan()
c.send("top")
v = c.recv()
for x in c: LOG.append(x)
def notify(c: Channel, x):
    c.send(x)
    c.close()
notify(Channel(), 3)
""",
    "modules_whose_names_are_no_identifiers": """
=== main.py
import importlib
plug = importlib.import_module("plug-in")
other = __import__("pkg.2nd", fromlist=["x"])
def entry(): return plug.f(), other.x
=== plug-in.py
def f(): return "hyphen"
def planted(): pass
=== pkg/__init__.py
=== pkg/2nd.py
x = 2
""",
    "data_read_through_the_loader": """
=== main.py
from pkg import mod, other
def entry(): return mod.load("a.bin"), other.load("a.bin")
=== pkg/__init__.py
=== pkg/mod.py
def load(n): return __spec__.loader.get_data(__spec__.origin.rsplit("/", 1)[0] + "/" + n)
=== pkg/other.py
import os
def load(n): return __loader__.get_data(os.path.join(os.path.dirname(__file__), n))
def planted(): return __spec__.name, __spec__.parent
=== pkg/a.bin
data
""",
    "star_import_in_a_block": """
=== main.py
from m import *
def entry(): return value(), plain(), NAME
=== m.py
import sys
if sys.platform == "nope":
    from _a import *
else:
    from _b import *
    from _c import *
NAME = __name__
=== _a.py
def value(): return "a"
=== _b.py
__all__ = ("value",)
def value(): return _v()
def _v(): return "b"
def planted(): pass
=== _c.py
def plain(): return "c"
def planted(): pass
""",
    "globals_of_a_frame_that_a_local_holds": """
=== main.py
import m
def entry(): return m.X
=== m.py
import helper
X = 1
helper.setx()
=== helper.py
def setx():
    try:
        raise ValueError
    except ValueError as e:
        frame = e.__traceback__.tb_frame
        frame.f_back.f_globals["X"] = 5
""",
    "name_of_a_frames_module": """
=== main.py
import m
def entry(): return m.NAMES
=== m.py
import helper
NAMES = helper.names()
=== helper.py
import sys
def names():
    frame = sys._getframe(1)
    return frame.f_globals["__name__"], frame.f_globals.get("__name__", "?")
""",
    "state_of_the_process_is_read_before_it_changes": """
=== main.py
import z
import b
from c import get
def entry(): return get()
=== z.py
import a
=== a.py
import decimal, os
try:
    X = injected
except NameError:
    X = "none"
CONTEXT = decimal.getcontext().prec
VARIABLE = os.environ.get("GOTEE_CASE", "unset")
FOLDER = os.getcwd() == "/"
def f(y=len): return y([1])
=== b.py
import builtins, decimal, os
builtins.injected = "yes"
builtins.len = lambda o: 77
decimal.getcontext().prec = 5
os.environ["GOTEE_CASE"] = "set"
os.chdir("/")
=== c.py
from a import CONTEXT, FOLDER, VARIABLE, X, f
def get(): return CONTEXT, FOLDER, VARIABLE, X, f()
""",
    "files_of_modules_are_listed": """
=== main.py
import os, pkgutil
from pathlib import Path
import plugins
HERE = Path(__file__).parent
def entry():
    found = sorted(p.stem for p in (HERE / "plugins").glob("*.py"))
    return found, sorted(m.name for m in pkgutil.iter_modules(plugins.__path__)), sorted(os.listdir(HERE / "tasks"))
=== plugins/__init__.py
=== plugins/a.py
def planted(): pass
=== plugins/b.py
=== tasks/one.py
def planted(): pass
=== tasks/two.sql
select 2
""",
    "module_of_a_definition": """
=== main.py
import inspect, sys, types
from m import K
import patch
def who(o): return inspect.getmodule(o).__name__, isinstance(o, types.FunctionType)
def entry(): return inspect.getmodule(K).helper(), sys.modules[K.__module__].other(), who(K)
=== m.py
class K: pass
X = 1
def helper(): return X
def other(): return "other"
=== patch.py
import inspect, m
inspect.getmodule(m.helper).X = 5
""",
    "statements_of_several_lines_that_share_them": """
=== main.py
from m import f, \\
    g; planted = 1
def entry(): return f(), g()
=== m.py
planted = 1; x = 2; planted2 = 3  # trailing
planted4 = '''
def g(): return "wrong"
'''; w = 1; planted5 = (1,
  2); v = 3
def f(): return x, w; planted_inner = 1
def g(): \\
    return (v,
      x)
""",
    "file_of_a_package": """
=== main.py
from pkg.core import where
def entry(): return where()
=== pkg/__init__.py
=== pkg/core.py
from importlib.resources import as_file, files
def where():
    with as_file(files("pkg").joinpath("x.pem")) as p: return p.read_text()
=== pkg/x.pem
PEM
""",
}
MAY_REFUSE = {"globals_of_a_frame_that_a_local_holds"}
