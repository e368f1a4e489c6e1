"""More tiny programs, on objects of the standard library that are shared, and hooks of values. Each has main:entry."""

CASES = {
    "urllib_parse_schemes": """
=== main.py
import urllib.parse, setup
def entry(): return urllib.parse.urljoin("zork://a/b", "c")
=== setup.py
from urllib.parse import uses_relative, uses_netloc
uses_relative.append("zork")
uses_netloc.append("zork")
""",
    "hash_in_set_of_name": """
=== main.py
R = []
class K:
    def __hash__(self): R.append("h"); return 1
k = K()
S = {k}
D = {k: 2}
def entry(): return R
""",
    "hash_in_weak_set": """
=== main.py
import weakref
R = []
class K:
    def __hash__(self): R.append("h"); return 1
k = K()
S = weakref.WeakSet([k])
def entry(): return R
""",
    "mapping_unpack_effect": """
=== main.py
R = []
class K:
    def keys(self): R.append("k"); return []
k = K()
d = {**k}
e = dict(**k)
def entry(): return R
""",
    "update_wrapper_effect": """
=== main.py
import functools
def a(): pass
def b(): "bdoc"
functools.update_wrapper(a, b)
def entry(): return a.__name__, a.__doc__
""",
    "module_annotations": """
=== main.py
x: int = 3
y: "str"
def entry(): return __annotations__
""",
    "global_in_class_body": """
=== main.py
class A:
    global G
    G = 5
def entry(): return G
""",
    "enum_global": """
=== main.py
import enum
@enum.global_enum
class C(enum.IntFlag):
    AA = 1
    BB = 2
def entry(): return int(AA | BB)
""",
    "enum_convert": """
=== main.py
import enum
P_ONE = 1
P_TWO = 2
E = enum.IntEnum._convert_("E", __name__, lambda n: n.startswith("P_"))
def entry(): return [m.name for m in E]
""",
    "dataclass_called_on_class": """
=== main.py
import dataclasses
class A:
    x: int = 1
dataclasses.dataclass(A)
def entry(): return repr(A(2))[-4:]
""",
    "zip_asks_for_iterator": """
=== main.py
R = []
class K:
    def __iter__(self): R.append("i"); return iter([])
k = K()
Z = zip(k)
def entry(): return R
""",
    "stdlib_functools_dispatch_register": """
=== main.py
import pprint, setup, models
def entry(): return pprint.pformat(models.N())
=== models.py
class N:
    def __repr__(self): return "plain"
=== setup.py
import pprint, models
pprint.PrettyPrinter._dispatch[models.N.__repr__] = lambda self, o, s, *a: s.write("pretty")
""",
    "decimal_default_context": """
=== main.py
import decimal, setup
def entry():
    return str(decimal.Context().prec), str(decimal.DefaultContext.prec)
=== setup.py
import decimal
decimal.DefaultContext.prec = 6
""",
    "logging_setloggerclass": """
=== main.py
import logging, setup
def entry(): return type(logging.getLogger("zz")).__name__
=== setup.py
import logging
class L(logging.Logger): pass
logging.setLoggerClass(L)
""",
    "sqlite_adapter": """
=== main.py
import setup, sqlite3, models
def entry():
    c = sqlite3.connect(":memory:")
    return c.execute("select ?", (models.P(3),)).fetchone()
=== models.py
class P:
    def __init__(self, x): self.x = x
=== setup.py
import sqlite3, models
sqlite3.register_adapter(models.P, lambda p: p.x)
""",
    "csv_field_limit": """
=== main.py
import csv, setup
def entry(): return csv.field_size_limit()
=== setup.py
import csv
OLD = csv.field_size_limit(77)
""",
    "copyreg_pickle": """
=== main.py
import copy, models, setup
def entry(): return copy.copy(models.P(3)).x
=== models.py
class P:
    def __init__(self, x): self.x = x
=== setup.py
import copyreg, models
copyreg.pickle(models.P, lambda p: (models.P, (p.x * 10,)))
""",
    "import_hook_shadows": """
=== main.py
import setup
import target
def entry(): return target.V
=== setup.py
import sys, importlib.abc, importlib.util
class F(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name == "target": return importlib.util.spec_from_loader(name, self)
    def create_module(self, spec): return None
    def exec_module(self, m): m.V = "hooked"
sys.meta_path.insert(0, F())
=== target.py
V = "plain"
""",
    "builtins_dunder_dict": """
=== main.py
import setup
def entry(): return shout("a")
=== setup.py
(__builtins__ if isinstance(__builtins__, dict) else __builtins__.__dict__)["shout"] = lambda s: s * 3
""",
    "count_in_other_module": """
=== main.py
import ids, user
def entry(): return ids.new()
=== ids.py
import itertools
_c = itertools.count(1)
new = _c.__next__
=== user.py
from ids import new
ME = new()
YOU = [new() for _ in range(3)]
""",
    "tee_shared": """
=== main.py
import itertools
A, B = itertools.tee(iter([1, 2, 3]))
X = sum(A)
def entry(): return list(B), list(A)
""",
    "contextvar_run": """
=== main.py
import contextvars
L = []
ctx = contextvars.copy_context()
ctx.run(L.append, 1)
def entry(): return L
""",
    "collections_deque_drain": """
=== main.py
import collections
R = []
collections.deque(map(R.append, [1, 2]), maxlen=0)
D = collections.deque((R.append(x) for x in [3]), maxlen=0)
def entry(): return R
""",
    "methodcaller_effect": """
=== main.py
import operator
R = []
f = operator.methodcaller("append", 3)
f(R)
X = operator.methodcaller("append", 4)(R)
def entry(): return R
""",
    "module_in_tuple_unpacked_patched": """
=== main.py
import a, b
x, y = a, b
y.V = 9
def entry(): return b.V, a.V
=== a.py
V = 1
=== b.py
V = 2
""",
    "circular_hasattr": """
=== main.py
import a
def entry(): return a.b.HAD
=== a.py
import b
X = 1
=== b.py
import a
HAD = hasattr(a, "X")
""",
    "conditional_import_by_env_state": """
=== main.py
import conf
if conf.FAST:
    from fast import f
else:
    from slow import f
def entry(): return f()
=== conf.py
FAST = False
import tweak
=== tweak.py
import conf
conf.FAST = True
=== fast.py
def f(): return "fast"
=== slow.py
def f(): return "slow"
""",
    "class_via_call_base": """
=== main.py
R = []
def base():
    class B:
        def __init_subclass__(cls, **k): R.append(cls.__name__)
    return B
Root = base()
class Child(Root): pass
class Grand(Child): pass
def entry(): return R
""",
    "mro_entries": """
=== main.py
R = []
class X:
    def __mro_entries__(self, bases): R.append(len(bases)); return ()
class A(X()): pass
def entry(): return R
""",
    "partialmethod_registers": """
=== main.py
import functools
class Reg:
    def __init__(self): self.items = []
    def add(self, kind, f): self.items.append((kind, f.__name__)); return f
    get = functools.partialmethod(add, "get")
app = Reg()
@app.get
def index(): pass
def entry(): return app.items
""",
    "set_name_through_annassign_walrus": """
=== main.py
L = []
class F:
    def __set_name__(self, o, n): L.append(n)
class M:
    a: F = F()
    (b := F())
    for c in [F()]: pass
def entry(): return L
""",
    "for_target_attribute": """
=== main.py
class A: pass
for A.x in [1, 2]: pass
def entry(): return A.x
""",
    "import_fails_attribute_error": """
=== main.py
try:
    import lib
    V = lib.X
except AttributeError:
    V = "none"
def entry(): return V
=== lib.py
Y = 1
def setx():
    global X
    X = 3
import conf
if conf.ON: setx()
=== conf.py
ON = True
""",
}
