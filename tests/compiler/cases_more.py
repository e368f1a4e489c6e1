"""More tiny programs, on library objects, iterators and odd module use. Each has main:entry; see test_slices."""

CASES = {
    "operator_setitem": """
=== main.py
import operator
T = {}
operator.setitem(T, "k", 1)
def entry(): return T
""",
    "dict_fromkeys_default": """
=== main.py
L = []
D = dict.fromkeys("ab", L)
D["a"].append(1)
def entry(): return L
""",
    "type_setattr": """
=== main.py
class A: pass
type.__setattr__(A, "x", 5)
def entry(): return A.x
""",
    "object_dict": """
=== main.py
class A: pass
a = A()
a.__dict__["z"] = 3
def entry(): return a.z
""",
    "chainmap": """
=== main.py
from collections import ChainMap
base = {}
cm = ChainMap(base)
cm["x"] = 1
def entry(): return base
""",
    "memoryview_change": """
=== main.py
B = bytearray(3)
M = memoryview(B)
M[0] = 7
def entry(): return bytes(B)
""",
    "array_alias_plain": """
=== main.py
A = [1, 2]
B = reversed(A)
next(B)
def entry(): return list(B)
""",
    "iter_consumed": """
=== main.py
I = iter([1, 2, 3])
X = list(zip(I, [0]))
def entry(): return next(I)
""",
    "plain_file_of_generator": """
=== main.py
G = (x for x in [1, 2, 3])
S = sum(G)
def entry(): return list(G)
""",
    "plain_map_sum": """
=== main.py
G = map(str, [1, 2, 3])
S = len(list(G))
def entry(): return list(G)
""",
    "enumerate_consumed": """
=== main.py
E = enumerate("abc")
F = dict(E)
def entry(): return list(E)
""",
    "zip_in_for": """
=== main.py
Z = zip("ab", "cd")
for p in Z: pass
def entry(): return list(Z)
""",
    "defaultdict_read": """
=== main.py
from collections import defaultdict
D = defaultdict(list)
X = D["k"]
def entry(): return dict(D)
""",
    "lazy_property_cached": """
=== main.py
import functools
class C:
    @functools.cached_property
    def v(self): LOG.append(1); return 2
LOG = []
c = C()
V = c.v
def entry(): return c.v, LOG
""",
    "str_subclass": """
=== main.py
LOG = []
class S(str):
    def __add__(self, o): LOG.append(o); return "x"
A = S("a")
B = A + "b"
def entry(): return LOG
""",
    "class_attr_plain_metaclass_getattr": """
=== main.py
class M(type):
    log = []
    def __getattribute__(cls, n):
        if n == "X": M.log.append(n)
        return type.__getattribute__(cls, n)
class A(metaclass=M): X = 1
V = A.X
def entry(): return M.log
""",
    "in_operator_effect": """
=== main.py
class C:
    log = []
    def __contains__(self, x): C.log.append(x); return True
c = C()
ok = 1 in c
def entry(): return C.log
""",
    "named_import_then_shadow_param": """
=== main.py
import ops
def use(ops): return ops
def entry(): return use(3), ops.f()
=== ops.py
def f(): return 1
""",
    "unittest_style": """
=== main.py
import unittest
class T(unittest.TestCase):
    def test_a(self): self.assertEqual(f(), 1)
def f(): return 1
def entry():
    s = unittest.defaultTestLoader.loadTestsFromTestCase(T)
    r = unittest.TestResult(); s.run(r); return r.testsRun, len(r.errors)
""",
    "conditional_function_and_decorator_in_if": """
=== main.py
R = {}
def reg(f): R[f.__name__] = f; return f
if True:
    @reg
    def a(): return K
K = 1
def entry(): return R["a"]()
""",
    "try_else_binding": """
=== main.py
try:
    import json
except ImportError:
    json = None
else:
    dumps = json.dumps
def entry(): return dumps([1])
""",
    "module_dunder_all_extend": """
=== main.py
from lib import *
def entry(): return b()
=== lib.py
__all__ = ["a"]
def a(): return 1
def b(): return 2
__all__.append("b")
""",
    "module_dunder_all_from_dir": """
=== main.py
from lib import *
def entry(): return a()
=== lib.py
def a(): return 1
def _b(): return 2
__all__ = [n for n in dir() if not n.startswith("_")]
""",
    "deep_reexport_cycle": """
=== main.py
from p import thing
def entry(): return thing()
=== p/__init__.py
from .q import *
from .r import *
=== p/q.py
from p.r import *
from .base import thing
=== p/r.py
from .base import *
=== p/base.py
def thing(): return 5
""",
    "relative_import_in_function": """
=== main.py
import p.a
def entry(): return p.a.f()
=== p/__init__.py
=== p/a.py
def f():
    from . import b
    from .c import g as h
    return b.x, h()
=== p/b.py
x = 1
=== p/c.py
def g(): return 2
""",
    "subpackage_attr_by_from_import_elsewhere": """
=== main.py
import p
import other
def entry(): return p.sub.deep.v
=== p/__init__.py
=== p/sub/__init__.py
=== p/sub/deep.py
v = 4
=== other.py
from p.sub import deep
""",
    "abc_virtual_subclass_in_function": """
=== main.py
import abc
class P(abc.ABC): pass
class X: pass
def setup(kind, *types):
    for t in types: kind.register(t)
setup(P, X, int)
def entry(): return isinstance(1, P), isinstance(X(), P)
""",
    "warnings_registry_once": """
=== main.py
import warnings, setup
def entry():
    with warnings.catch_warnings(record=True) as w:
        warnings.warn("a", DeprecationWarning); return len(w)
=== setup.py
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning)
""",
    "threading_excepthook": """
=== main.py
import threading, setup
def entry(): return threading.excepthook.__name__
=== setup.py
from threading import Thread
import threading as t
def hook(a): pass
t.excepthook = hook
""",
    "contextlib_redirect": """
=== main.py
import contextlib, io
buf = io.StringIO()
with contextlib.redirect_stdout(buf):
    print("hi")
def entry(): return buf.getvalue()
""",
    "struct_cache_plain": """
=== main.py
import string
T = string.Template("$x")
string.Template.delimiter = "%"
def entry(): return string.Template.delimiter
""",
    "getattr_string_concat_own_class": """
=== main.py
class A: pass
for n in ("a", "b"): setattr(A, "get_" + n, lambda self, n=n: n + suffix())
def suffix(): return "!"
def entry(): return A().get_b()
""",
    "nonlocal_and_late": """
=== main.py
_cache = None
def get():
    global _cache
    if _cache is None: _cache = build()
    return _cache
def build(): return {"n": 1}
get()["n"] = 2
def entry(): return get()
""",
    "sys_modules_pop_reimport": """
=== main.py
import sys, core
import mod
sys.modules.pop("mod")
import mod as again
def entry(): return core.L
=== core.py
L = []
=== mod.py
import core
core.L.append(1)
""",
    "del_sys_modules": """
=== main.py
import sys, core, mod
del sys.modules["mod"]
def entry():
    import mod
    return core.L
=== core.py
L = []
=== mod.py
import core
core.L.append(1)
""",
    "from_future_and_docstring": '''
=== main.py
"""doc"""
from __future__ import annotations
unused = 1
"not a docstring"
def entry(): return __doc__
''',
    "numbers_tower": """
=== main.py
import numbers
class N: pass
numbers.Number.register(N)
def entry(): return isinstance(N(), numbers.Number)
""",
    "json_hook_via_functools": """
=== main.py
import json, functools
json.loads = functools.partial(json.loads, parse_int=str)
def entry(): return json.loads("[1]")
""",
    "tempfile_tempdir": """
=== main.py
import tempfile, setup
def entry(): return tempfile.gettempdir()
=== setup.py
import tempfile
tempfile.tempdir = "/x"
""",
    "time_zone": """
=== main.py
import time, setup
def entry(): return time.tzname[0]
=== setup.py
import os, time
os.environ["TZ"] = "EST5"
time.tzset()
""",
    "exec_in_namespace": """
=== main.py
ns = {}
exec("x = 1\\ndef f(): return x", ns)
def entry(): return ns["f"]()
""",
    "class_created_in_function_registers": """
=== main.py
class B:
    subs = []
    def __init_subclass__(cls): B.subs.append(cls.__name__)
def make(n):
    class X(B): pass
    return X
Y = make(1)
def entry(): return B.subs
""",
    "pure_looking_call_of_class": """
=== main.py
N = []
class C:
    def __new__(cls): N.append(1); return object.__new__(cls)
c = C()
def entry(): return N
""",
    "slot_descriptor_star_args": """
=== main.py
def collect(*fs, **kw):
    for f in fs: ALL.append(f())
    ALL.extend(kw)
ALL = []
def one(): return two()
def two(): return 2
collect(*[one], **{"k": 1})
def entry(): return ALL
""",
}
