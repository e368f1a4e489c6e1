"""Tiny programs that combine features of the other case files. Each has main:entry; see test_slices."""

CASES = {
    "alias_made_inside_function": """
=== main.py
import core
def connect():
    box = core.TABLE
    box["k"] = value()
def value(): return 3
connect()
def entry(): return core.TABLE
=== core.py
TABLE = {}
""",
    "object_fetched_by_function": """
=== main.py
import core
def current(): return core.get()
current().append(1)
def entry(): return core.get()
=== core.py
_state = []
def get(): return _state
""",
    "object_fetched_by_property": """
=== main.py
class Conf:
    _d = {}
    @property
    def d(self): return self._d
conf = Conf()
conf.d["x"] = 1
def entry(): return Conf._d
""",
    "mutation_through_iterator": """
=== main.py
A = {}
B = {}
for t in (A, B):
    t["k"] = 1
def entry(): return B
""",
    "mutation_through_unpacking": """
=== main.py
PAIR = ([], {})
first, second = PAIR
first.append(1)
second["k"] = 2
def entry(): return PAIR
""",
    "mutation_through_star_import": """
=== main.py
from setup import *
from core import T
def entry(): return T
=== core.py
T = []
=== setup.py
from core import *
T.append("set")
""",
    "mutation_through_parent_attribute": """
=== main.py
import pkg.sub
import pkg.fill
def entry(): return pkg.sub.ITEMS
=== pkg/__init__.py
=== pkg/sub.py
ITEMS = []
=== pkg/fill.py
import pkg
pkg.sub.ITEMS.append(1)
""",
    "mutation_through_closure_cell": """
=== main.py
def make():
    data = []
    def add(x): data.append(x)
    def get(): return data
    return add, get
add, get = make()
add(1)
def entry(): return get()
""",
    "mutation_through_bound_method": """
=== main.py
L = []
push = L.append
push(1)
def entry(): return L
""",
    "mutation_through_partial": """
=== main.py
import functools
L = []
functools.partial(L.append, 5)()
def entry(): return L
""",
    "mutation_through_super_chain": """
=== main.py
class A:
    log = []
    def __init__(self): A.log.append(type(self).__name__)
class B(A):
    def __init__(self): super().__init__()
B()
def entry(): return A.log
""",
    "mutation_through_context_manager": """
=== main.py
import contextlib
S = []
@contextlib.contextmanager
def scope(n):
    S.append(n)
    yield n
    S.append(-n)
with scope(1), scope(2) as two:
    pass
def entry(): return S
""",
    "mutation_through_exit_stack": """
=== main.py
import contextlib
S = []
stack = contextlib.ExitStack()
stack.callback(S.append, 4)
stack.close()
def entry(): return S
""",
    "mutation_by_unused_decorated_class_method": """
=== main.py
HOOKS = []
def hook(f): HOOKS.append(f.__qualname__); return f
class Unused:
    @hook
    def m(self): pass
    @staticmethod
    @hook
    def s(): pass
def entry(): return HOOKS
""",
    "enum_with_init_effect": """
=== main.py
import enum
LOG = []
class E(enum.Enum):
    A = 1
    B = 2
    def __init__(self, v): LOG.append(v)
def entry(): return LOG
""",
    "dataclass_post_init_at_import": """
=== main.py
from dataclasses import dataclass, field
ALL = []
@dataclass
class P:
    x: int
    tags: list = field(default_factory=list)
    def __post_init__(self): ALL.append(self.x)
origin = P(0)
def entry(): return ALL
""",
    "default_factory_reads_global": """
=== main.py
from dataclasses import dataclass, field
N = 0
def fresh():
    global N
    N += 1
    return N
@dataclass
class P:
    i: int = field(default_factory=fresh)
a = P()
b = P()
def entry(): return P().i
""",
    "lazy_import_runs_effects_in_order": """
=== main.py
import log
def entry():
    log.L.append("before")
    import plug
    log.L.append("after")
    return log.L
=== log.py
L = []
=== plug.py
import log
log.L.append("plug")
""",
    "lazy_import_already_loaded_at_import": """
=== main.py
import log, early
def entry():
    log.L.append("before")
    import plug
    return log.L, plug.f()
=== log.py
L = []
=== early.py
import plug
=== plug.py
import log
log.L.append("plug")
def f(): return 1
""",
    "reload_runs_again": """
=== main.py
import importlib, core, mod
def entry():
    importlib.reload(mod)
    return core.N
=== core.py
N = []
=== mod.py
import core
core.N.append(1)
""",
    "patched_before_and_after_alias": """
=== main.py
import lib
from user import call
import patch
def entry(): return call(), lib.f()
=== lib.py
def f(): return 1
=== user.py
from lib import f
def call(): return f()
=== patch.py
import lib
lib.f = lambda: 2
""",
    "patch_inside_try": """
=== main.py
import lib
try:
    import absent_module_xyz
    lib.MODE = "fast"
except ImportError:
    lib.MODE = "slow"
def entry(): return lib.mode()
=== lib.py
MODE = None
def mode(): return MODE
""",
    "patch_under_condition_by_function": """
=== main.py
import lib, compat
def entry(): return lib.f()
=== lib.py
def f(): return 1
=== compat.py
import sys
def apply(module):
    def f(): return 2
    module.f = f
if sys.version_info >= (3, 0):
    import lib
    apply(lib)
""",
    "class_rebased": """
=== main.py
class A:
    def m(self): return "a"
class B:
    def m(self): return "b"
class X: pass
class C(X): pass
class Y(A): pass
Y.__bases__ = (B,)
def entry(): return Y().m()
""",
    "instance_class_changed": """
=== main.py
class A:
    def m(self): return "a"
class B:
    def m(self): return "b"
obj = A()
obj.__class__ = B
def entry(): return obj.m()
""",
    "module_level_name_deleted_then_builtin": """
=== main.py
def len(x): return "mine"
before = len([])
del len
def entry(): return before, len([1])
""",
    "name_error_expected": """
=== main.py
try:
    value = undefined_name
except NameError:
    value = "fallback"
def entry():
    try: return later
    except NameError: return value
""",
    "import_side_effect_by_from_import_unused_name": """
=== main.py
from plug import planted
import core
def entry(): return core.L
=== core.py
L = []
=== plug.py
import core
core.L.append(1)
def planted(): return 1
""",
    "import_side_effect_by_relative_import": """
=== main.py
import pkg
def entry(): return pkg.core.L
=== pkg/__init__.py
from . import core
from .plug import planted
=== pkg/core.py
L = []
=== pkg/plug.py
from .core import L
L.append(1)
def planted(): return 1
""",
    "import_effect_does_not_hide_builtin": """
=== main.py
from format import planted
import core
def entry(): return format(3, "03d"), core.L
=== core.py
L = []
=== format.py
import core
core.L.append(1)
def planted(): return 1
""",
    "import_effect_two_levels_from_unneeded": """
=== main.py
import host_a
import core
def entry(): return core.L
=== core.py
L = []
=== host_a.py
import host_b
def planted(): return host_b.planted()
=== host_b.py
import core
core.L += ["b"]
def planted(): return 2
""",
    "same_source_in_two_modules": """
=== main.py
import a.part, b.part
def entry(): return a.part.get(), b.part.get()
=== a/__init__.py
=== a/conf.py
V = "a"
=== a/part.py
from .conf import V
def get(): return V
=== b/__init__.py
=== b/conf.py
V = "b"
=== b/part.py
from .conf import V
def get(): return V
""",
    "type_params_and_aliases": """
=== main.py
import typing
T = typing.TypeVar("T", bound="Base")
class Base: v = 1
class Box(typing.Generic[T]):
    def get(self) -> T: return Base.v
Alias = typing.Union[int, "Base"]
def entry(): return Box[Base]().get()
""",
    "protocol_runtime_checkable": """
=== main.py
import typing
@typing.runtime_checkable
class P(typing.Protocol):
    def m(self): ...
class A:
    def m(self): return 1
def entry(): return isinstance(A(), P)
""",
    "slots_and_setattr": """
=== main.py
class S:
    __slots__ = ("a",)
    def __setattr__(self, n, v): LOG.append(n); object.__setattr__(self, n, v)
LOG = []
s = S()
s.a = 1
def entry(): return LOG
""",
    "metaclass_call_counts": """
=== main.py
class M(type):
    n = 0
    def __call__(cls, *a): M.n += 1; return super().__call__(*a)
class A(metaclass=M): pass
x = A()
y = A()
def entry(): return M.n
""",
    "descriptor_set": """
=== main.py
class D:
    log = []
    def __set__(self, obj, v): D.log.append(v)
    def __get__(self, obj, owner): return self
class A: d = D()
a = A()
a.d = 7
def entry(): return D.log
""",
    "contextvar_reset_order": """
=== main.py
import contextvars
v = contextvars.ContextVar("v", default=[])
v.get().append(1)
def entry(): return v.get()
""",
    "signal_handler": """
=== main.py
import setup, signal
def entry(): return signal.getsignal(signal.SIGUSR1).__name__
=== setup.py
import signal
def handler(*a): pass
signal.signal(signal.SIGUSR1, handler)
""",
    "display_hook_and_excepthook": """
=== main.py
import setup, sys
def entry(): return sys.excepthook.__name__
=== setup.py
import sys
def mine(*a): pass
sys.excepthook = mine
""",
    "stdout_replaced": """
=== main.py
import setup, sys
def entry(): return type(sys.stdout).__name__
=== setup.py
import sys
class Tee:
    def __init__(self, f): self.f = f
    def write(self, s): return self.f.write(s)
    def flush(self): self.f.flush()
sys.stdout = Tee(sys.stdout)
""",
    "string_formatter_registry": """
=== main.py
import core, fmt
def entry(): return core.render("x")
=== core.py
FORMATS = {}
def render(k): return FORMATS[k]()
=== fmt.py
import core
core.FORMATS.setdefault("x", lambda: "X" + SUFFIX)
SUFFIX = "!"
""",
    "type_registry_by_dict_comprehension": """
=== main.py
class Base: pass
class A(Base): key = "a"
class B(Base): key = "b"
TABLE = {c.key: c for c in Base.__subclasses__()}
def entry(): return sorted(TABLE)
""",
    "loop_over_globals": """
=== main.py
def cmd_a(): return 1
def cmd_b(): return 2
COMMANDS = {k[4:]: v for k, v in list(globals().items()) if k.startswith("cmd_")}
def entry(): return {k: f() for k, f in COMMANDS.items()}
""",
    "inspect_getmembers_of_own_module": """
=== main.py
import inspect, sys
class Handler: pass
class One(Handler): pass
def entry():
    members = inspect.getmembers(sys.modules[__name__], inspect.isclass)
    return [n for n, c in members if issubclass(c, Handler)]
""",
    "import_star_inside_try": """
=== main.py
try:
    from fast import *
except ImportError:
    from slow import *
def entry(): return f()
=== fast.py
raise ImportError("no")
=== slow.py
def f(): return helper()
def helper(): return "slow"
""",
    "loader_in_loop": """
=== main.py
import importlib
LOADED = {}
for name in ("a", "b"):
    LOADED[name] = importlib.import_module("parts." + name)
def entry(): return [m.run() for m in LOADED.values()]
=== parts/__init__.py
=== parts/a.py
def run(): return 1
=== parts/b.py
def run(): return 2
""",
    "weak_registry": """
=== main.py
import weakref
LIVE = weakref.WeakSet()
class T:
    def __init__(self): LIVE.add(self)
keep = T()
def entry(): return len(LIVE)
""",
    "sort_in_place": """
=== main.py
ORDER = [3, 1, 2]
ALSO = ORDER
ALSO.sort()
def entry(): return ORDER
""",
    "heap_and_bisect": """
=== main.py
import heapq, bisect
H = [3, 2]
heapq.heapify(H)
heapq.heappush(H, 1)
S = [1, 5]
bisect.insort(S, 3)
def entry(): return H[0], S
""",
    "random_shuffle_shared": """
=== main.py
import random, setup
def entry(): return setup.DECK
=== setup.py
import random
rng = random.Random(3)
DECK = list(range(5))
rng.shuffle(DECK)
""",
    "sorted_copy_taken_before_change": """
=== main.py
import st
COPY = sorted(st.S)
st.S.append(0)
def entry(): return COPY, st.S
=== st.py
S = [2, 1]
""",
    "constant_read_before_rebinding": """
=== main.py
import conf
BEFORE = conf.LEVEL
conf.LEVEL = 2
AFTER = conf.LEVEL
def entry(): return BEFORE, AFTER
=== conf.py
LEVEL = 1
""",
    "async_code": """
=== main.py
import asyncio
RESULTS = []
async def work(n):
    RESULTS.append(n)
asyncio.run(work(1))
def entry():
    asyncio.run(work(2))
    return RESULTS
""",
    "nested_function_global_read": """
=== main.py
def outer():
    def inner():
        def most(): return DEEP + helper()
        return most()
    return inner()
DEEP = 1
def helper(): return 2
def planted(): return 3
def entry(): return outer()
""",
    "lambda_default_captures": """
=== main.py
FS = [lambda x, k=k: x + k + BASE for k in range(2)]
BASE = 10
def entry(): return [f(1) for f in FS]
""",
    "class_scope_comprehension": """
=== main.py
N = 2
class C:
    N = 5
    items = [N for _ in range(N)]
def entry(): return C.items
""",
    "getattr_default_on_module": """
=== main.py
import lib
def entry(): return getattr(lib, "missing", "none"), getattr(lib, "there", "none"), hasattr(lib, "also")
=== lib.py
there = 1
also = 2
planted = 3
""",
    "getattr_of_module_set_later": """
=== main.py
import lib, setup
def entry(): return getattr(lib, "extra", None)
=== lib.py
base = 1
=== setup.py
import lib
lib.extra = 5
""",
    "environment_decides_definition": """
=== main.py
import os
os.environ.setdefault("GOTEE_MODE", "x")
if os.environ["GOTEE_MODE"] == "x":
    def impl(): return "x"
else:
    def impl(): return "other"
def entry(): return impl()
""",
    "unused_decorated_with_known_pure": """
=== main.py
import functools, contextlib, dataclasses
@functools.lru_cache(maxsize=None)
def planted_a(): return entry()
@contextlib.contextmanager
def planted_b(): yield entry
@dataclasses.dataclass
class planted_C:
    x: int = 1
    @property
    def p(self): return entry
    @classmethod
    def c(cls): return entry
planted_d = functools.partial(planted_a)
def entry(): return 1
""",
    "getattr_of_the_program": """
=== main.py
LOG = []
def getattr(x, n): LOG.append(n); return n
def vars(x): LOG.append("vars"); return {"k": 1}
a = getattr(LOG, "one")
b = vars(LOG)["k"]
def entry(): return LOG, getattr(LOG, "two")
""",
}
