"""Tiny programs in which import-time code registers, patches and fills. Each has main:entry; see test_slices."""

CASES = {
    "registry_by_alias": """
=== main.py
from core import TABLE as T
import fill
def entry(): return sorted(T)
=== core.py
TABLE = {}
=== fill.py
import core
x = core.TABLE
y = x
y["k"] = 1
""",
    "registry_through_function_argument": """
=== main.py
import plug
from reg import handlers
def entry(): return [h() for h in handlers]
=== reg.py
handlers = []
def add_to(box, item): box.append(item)
=== plug.py
import reg
def h(): return helper()
def helper(): return 7
reg.add_to(reg.handlers, h)
""",
    "registry_through_nested_container": """
=== main.py
REG = {}
BOX = [REG]
OUTER = {"b": BOX}
OUTER["b"][0]["x"] = 5
def entry(): return REG
""",
    "registry_through_instance": """
=== main.py
class Registry:
    def __init__(self): self.items = []
    def add(self, item): self.items.append(item); return item
REG = Registry()
add = REG.add
@add
def one(): return 1
@REG.add
def two(): return 2
def entry(): return [f() for f in REG.items]
""",
    "decorator_class_counts_calls": """
=== main.py
class Counted:
    made = 0
    def __init__(self, f): self.f = f; Counted.made += 1
    def __call__(self, *a): return self.f(*a)
@Counted
def unused_a(): return 1
@Counted
def used(): return 2
def entry(): return used(), Counted.made
""",
    "decorator_replaces_function": """
=== main.py
def twice(f):
    def inner(x): return f(f(x))
    return inner
@twice
def inc(x): return x + STEP
STEP = 2
def entry(): return inc(1)
""",
    "decorator_with_arguments_in_other_module": """
=== main.py
import routes
import handlers
def entry(): return sorted(routes.ROUTES), routes.call("/b")
=== routes.py
ROUTES = {}
def route(path):
    def wrap(f): ROUTES[path] = f; return f
    return wrap
def call(path): return ROUTES[path]()
=== handlers.py
from routes import route
@route("/a")
def a(): return "a"
@route("/b")
def b(): return suffix("b")
def suffix(x): return x + "!"
""",
    "init_subclass_in_other_module": """
=== main.py
import shapes
from base import Base
def entry(): return sorted(k.__name__ for k in Base.kinds), Base.kinds[0]().area()
=== base.py
class Base:
    kinds = []
    def __init_subclass__(cls, **kw): super().__init_subclass__(); Base.kinds.append(cls)
=== shapes.py
from base import Base
class Square(Base):
    def area(self): return SIDE ** 2
class Round(Square): pass
SIDE = 3
""",
    "init_subclass_with_keyword": """
=== main.py
class Plug:
    by_name = {}
    def __init_subclass__(cls, name=None, **kw):
        super().__init_subclass__(**kw)
        if name: Plug.by_name[name] = cls
class A(Plug, name="a"): value = 1
class B(A, name="b"): value = 2
def entry(): return {k: v.value for k, v in Plug.by_name.items()}
""",
    "metaclass_in_other_module": """
=== main.py
import models
from meta import Meta
def entry(): return sorted(Meta.seen)
=== meta.py
class Meta(type):
    seen = {}
    def __init__(cls, name, bases, ns): super().__init__(name, bases, ns); Meta.seen[name] = cls
class Model(metaclass=Meta): pass
=== models.py
from meta import Model
class User(Model): pass
class Admin(User): pass
""",
    "metaclass_prepare": """
=== main.py
LOG = []
class M(type):
    @classmethod
    def __prepare__(mcs, name, bases): LOG.append(name); return {}
class A(metaclass=M): pass
def entry(): return LOG
""",
    "class_getitem_records": """
=== main.py
class G:
    seen = []
    def __class_getitem__(cls, item): cls.seen.append(item); return cls
X = G[int]
Y = G["s"]
def entry(): return [str(s) for s in G.seen]
""",
    "set_name_registers": """
=== main.py
class Field:
    all = []
    def __set_name__(self, owner, name): Field.all.append((owner.__name__, name))
class Model:
    a = Field()
    b = Field()
def entry(): return Field.all
""",
    "set_name_of_shared_instance": """
=== main.py
class D:
    names = []
    def __set_name__(self, owner, name): D.names.append(name)
d = D()
class A: x = d
class B: y = d
def entry(): return D.names
""",
    "singledispatch_in_other_module": """
=== main.py
from show import show
import more
def entry(): return show(1), show([2]), show("x")
=== show.py
from functools import singledispatch
@singledispatch
def show(x): return "any"
=== more.py
from show import show
@show.register
def _(x: int): return "int"
@show.register(list)
def _(x): return "list" + tail()
def tail(): return "!"
""",
    "singledispatch_method": """
=== main.py
from functools import singledispatchmethod
class S:
    @singledispatchmethod
    def f(self, x): return "any"
@S.f.register
def _(self, x: int): return "int"
def entry(): return S().f("a"), S.__dict__["f"].dispatcher.dispatch(int).__name__
""",
    "abc_register_in_other_module": """
=== main.py
from proto import Proto
import impl
def entry(): return isinstance(impl.make(), Proto), issubclass(int, Proto)
=== proto.py
from abc import ABC
class Proto(ABC): pass
=== impl.py
from proto import Proto
class Impl: pass
def make(): return Impl()
Proto.register(Impl)
Proto.register(int)
""",
    "abc_register_as_decorator": """
=== main.py
import abc
class P(abc.ABC): pass
@P.register
class X: pass
def entry(): return isinstance(X(), P)
""",
    "monkeypatch_chain": """
=== main.py
import app
def entry(): return app.run()
=== app.py
import lib
import patch_b
def run(): return lib.f()
=== lib.py
def f(): return "orig"
=== patch_a.py
import lib
old = lib.f
def f(): return "a:" + old()
lib.f = f
=== patch_b.py
import patch_a
import lib
previous = lib.f
lib.f = lambda: "b:" + previous()
""",
    "monkeypatch_class_through_subclass": """
=== main.py
import lib, patch
def entry(): return lib.Child().m()
=== lib.py
class Base:
    def m(self): return 1
class Child(Base): pass
=== patch.py
from lib import Child
Child.__bases__[0].m = lambda self: 2
""",
    "monkeypatch_setattr_loop": """
=== main.py
import lib, patch
def entry(): return lib.A().x(), lib.A().y()
=== lib.py
class A: pass
=== patch.py
import lib
def make(n): return lambda self: n * FACTOR
FACTOR = 10
for name, value in {"x": 1, "y": 2}.items():
    setattr(lib.A, name, make(value))
""",
    "monkeypatch_setattr_computed_on_module": """
=== main.py
import lib, patch
def entry(): return lib.one()
=== lib.py
def one(): return 1
=== patch.py
import lib
for n in ["o" + "ne"]:
    setattr(lib, n, lambda: 2)
""",
    "monkeypatch_vars_of_module": """
=== main.py
import lib, patch
def entry(): return lib.limit()
=== lib.py
LIMIT = 1
def limit(): return LIMIT
=== patch.py
import lib
vars(lib)["LIMIT"] = 5
""",
    "monkeypatch_dict_of_module_update": """
=== main.py
import lib, patch
def entry(): return lib.limit()
=== lib.py
LIMIT = 1
def limit(): return LIMIT
=== patch.py
import lib
lib.__dict__.update(LIMIT=6)
""",
    "monkeypatch_function_globals": """
=== main.py
import lib, patch
def entry(): return lib.limit()
=== lib.py
LIMIT = 1
def limit(): return LIMIT
def other(): return 0
=== patch.py
from lib import other
other.__globals__["LIMIT"] = 7
""",
    "monkeypatch_function_code": """
=== main.py
def f(): return 1
def g(): return 2
f.__code__ = g.__code__
def entry(): return f()
""",
    "monkeypatch_function_defaults": """
=== main.py
def f(x=1): return x
f.__defaults__ = (9,)
def entry(): return f()
""",
    "monkeypatch_through_sys_modules": """
=== main.py
import lib
import sys
sys.modules["lib"].K = 9
def entry(): return lib.get()
=== lib.py
K = 1
def get(): return K
""",
    "monkeypatch_through_import_module": """
=== main.py
import lib
import importlib
importlib.import_module("lib").K = 9
def entry(): return lib.get()
=== lib.py
K = 1
def get(): return K
""",
    "function_attribute": """
=== main.py
def f(): return f.calls
f.calls = 3
def entry(): return f()
""",
    "mutable_default_argument": """
=== main.py
def acc(x, seen=[]): seen.append(x); return list(seen)
acc(1)
acc(2)
def entry(): return acc(3)
""",
    "class_attribute_changed_from_other_module": """
=== main.py
import conf, setup
def entry(): return conf.Conf.debug, conf.Conf.items
=== conf.py
class Conf:
    debug = False
    items = []
=== setup.py
from conf import Conf as C
C.debug = True
C.items += ["x"]
""",
    "counter_at_import": """
=== main.py
import itertools
ids = itertools.count()
A = next(ids)
B = next(ids)
C = next(ids)
def entry(): return C
""",
    "generator_state": """
=== main.py
def gen():
    yield 1
    yield 2
    yield 3
g = gen()
next(g)
first = [x for x, _ in zip(g, [0])]
def entry(): return next(g)
""",
    "closure_state": """
=== main.py
def make():
    n = 0
    def bump():
        nonlocal n
        n += 1
        return n
    return bump
bump = make()
bump()
bump()
def entry(): return bump()
""",
    "cache_filled_at_import": """
=== main.py
import functools
@functools.lru_cache(None)
def f(x): return x * 2
f(1)
f(2)
def entry(): return f.cache_info().currsize
""",
    "partial_object_attribute": """
=== main.py
import functools
def add(a, b): return a + b
inc = functools.partial(add, 1)
inc.keywords["b"] = 41
def entry(): return inc()
""",
    "class_decorator_registers": """
=== main.py
ALL = {}
def model(cls): ALL[cls.__name__] = cls; return cls
@model
class A: pass
@model
class B:
    def v(self): return K
K = 4
def entry(): return sorted(ALL), ALL["B"]().v()
""",
    "descriptor_read_has_effect": """
=== main.py
LOG = []
class P:
    def __get__(self, obj, owner): LOG.append("read"); return 1
class A: p = P()
X = A.p
Y = A().p
def entry(): return LOG
""",
    "property_read_has_effect": """
=== main.py
class C:
    n = 0
    @property
    def bump(self): C.n += 1; return C.n
c = C()
one = c.bump
two = c.bump
def entry(): return C.n
""",
    "operator_with_effect": """
=== main.py
class Step:
    order = []
    def __init__(self, n): self.n = n
    def __rshift__(self, other): Step.order.append((self.n, other.n)); return other
a = Step("a")
b = Step("b")
c = Step("c")
flow = a >> b >> c
def entry(): return Step.order
""",
    "format_with_effect": """
=== main.py
LOG = []
class F:
    def __format__(self, spec): LOG.append(spec); return "f"
TEXT = f"{F():abc}"
def entry(): return LOG
""",
    "bool_with_effect": """
=== main.py
LOG = []
class B:
    def __bool__(self): LOG.append(1); return True
b = B()
V = b or 2
W = 1 if b else 0
def entry(): return LOG
""",
    "comparison_with_effect": """
=== main.py
LOG = []
class E:
    def __eq__(self, other): LOG.append("eq"); return True
    __hash__ = None
same = E() == E()
def entry(): return LOG
""",
    "del_finalizer": """
=== main.py
LOG = []
class T:
    def __del__(self): LOG.append("gone")
t = T()
t = None
def entry(): return LOG
""",
    "weakref_callback": """
=== main.py
import weakref
LOG = []
class T: pass
t = T()
r = weakref.ref(t, lambda _: LOG.append("dead"))
del t
def entry(): return LOG
""",
}
