"""Tiny programs in which defining, patching or asking a class runs code. Each has main:entry; see test_slices."""

CASES = {
    "subclasshook_of_subclass": """
=== main.py
import shapes, extra
class Foo: pass
def entry(): return isinstance(Foo(), shapes.Base), issubclass(int, shapes.Base)
=== shapes.py
from abc import ABC
class Base(ABC): pass
=== extra.py
from shapes import Base
class Liar(Base):
    @classmethod
    def __subclasshook__(cls, other): return other.__name__ == "Foo"
class planted: pass
""",
    "subclass_registers_virtual_in_third_module": """
=== main.py
import shapes, extra, more
from more import Foo
def entry(): return isinstance(Foo(), shapes.Base)
=== shapes.py
from abc import ABC
class Base(ABC): pass
=== extra.py
from shapes import Base
class Mid(Base): pass
def planted(): pass
=== more.py
import extra
class Foo: pass
extra.Mid.register(Foo)
""",
    "init_subclass_patched_in_later": """
=== main.py
import hook, base, sub
def entry(): return base.SEEN
=== base.py
SEEN = []
class Base: pass
=== hook.py
import base
def note(cls, **kw): base.SEEN.append(cls.__name__)
base.Base.__init_subclass__ = classmethod(note)
=== sub.py
from base import Base
class Sub(Base): pass
def planted(): pass
""",
    "init_subclass_patched_in_by_setattr": """
=== main.py
import hook, base, sub
def entry(): return base.SEEN
=== base.py
SEEN = []
class Base: pass
=== hook.py
import base
def note(cls, **kw): base.SEEN.append(cls.__name__)
for each in [base.Base]:
    setattr(each, "__init_subclass__", classmethod(note))
=== sub.py
from base import Base
class Sub(Base): pass
""",
    "set_name_patched_in": """
=== main.py
import field, hook, model
def entry(): return field.SEEN
=== field.py
SEEN = []
class Field: pass
=== hook.py
from field import Field, SEEN
Field.__set_name__ = lambda self, owner, name: SEEN.append(name)
=== model.py
from field import Field
class Model:
    a = Field()
    b = Field()
""",
    "class_getitem_in_annotation": """
=== main.py
import reg, user
def entry(): return reg.SEEN
=== reg.py
SEEN = []
class Reg:
    def __class_getitem__(cls, item):
        SEEN.append(item)
        return cls
=== user.py
from reg import Reg
x: Reg["a"] = 1
def f(p: Reg["b"]) -> Reg["c"]: pass
class K:
    y: Reg["d"]
planted = 1
""",
    "class_getitem_as_base": """
=== main.py
import reg, user
def entry(): return reg.SEEN
=== reg.py
SEEN = []
class Reg:
    def __class_getitem__(cls, item):
        SEEN.append(item)
        return cls
=== user.py
from reg import Reg
class K(Reg["k"]): pass
""",
    "metaclass_or_in_annotation": """
=== main.py
import reg, user
def entry(): return reg.SEEN
=== reg.py
SEEN = []
class Meta(type):
    def __or__(cls, other):
        SEEN.append(cls.__name__)
        return cls
class A(metaclass=Meta): pass
=== user.py
from reg import A
def f(x: A | None): pass
""",
    "container_filled_with_objects_printed": """
=== main.py
import box, fill, show
def entry(): return box.SEEN
=== box.py
SEEN = []
L = []
class Evil:
    def __repr__(self):
        SEEN.append("repr")
        return "evil"
=== fill.py
import box
box.L.append(box.Evil())
=== show.py
from box import L
TEXT = str(L)
planted = 3
""",
    "container_filled_with_objects_sorted": """
=== main.py
import box, fill, show
def entry(): return box.SEEN
=== box.py
SEEN = []
L = [ ]
class Evil:
    def __init__(self, n): self.n = n
    def __lt__(self, other):
        SEEN.append((self.n, other.n))
        return self.n < other.n
=== fill.py
import box
box.L += [box.Evil(2), box.Evil(1)]
=== show.py
import box
FIRST = sorted(box.L)
""",
    "dict_filled_with_objects_looked_up": """
=== main.py
import box, fill, show
def entry(): return box.SEEN
=== box.py
SEEN = []
D = {}
class Evil:
    def __hash__(self): return 1
    def __eq__(self, other):
        SEEN.append(other)
        return False
=== fill.py
import box
box.D.setdefault(box.Evil(), 1)
=== show.py
import box
FOUND = 1 in box.D
""",
    "container_filled_through_function": """
=== main.py
import box, fill, show
def entry(): return box.SEEN
=== box.py
SEEN = []
L = [0]
class Evil:
    def __repr__(self):
        SEEN.append("repr")
        return "evil"
def put(where): where.append(Evil())
=== fill.py
import box
box.put(box.L)
=== show.py
import box
TEXT = f"{box.L}"
""",
    "nested_container_filled": """
=== main.py
import box, fill, show
def entry(): return box.SEEN
=== box.py
SEEN = []
D = {"a": []}
class Evil:
    def __len__(self):
        SEEN.append("len")
        return 0
=== fill.py
import box
box.D["a"].append(box.Evil())
=== show.py
import box
ANY = [x for v in box.D.values() for x in v if x]
""",
    "name_set_from_elsewhere_to_object": """
=== main.py
import box, fill, show
def entry(): return box.SEEN
=== box.py
SEEN = []
N = 5
class Evil:
    def __str__(self):
        SEEN.append("str")
        return "evil"
=== fill.py
import box
box.N = box.Evil()
=== show.py
import box
TEXT = str(box.N)
""",
    "print_into_replaced_stdout": """
=== main.py
import io, sys
buffer = io.StringIO()
real, sys.stdout = sys.stdout, buffer
print("hello")
sys.stdout = real
def entry(): return buffer.getvalue()
""",
    "print_into_replaced_stdout_other_module": """
=== main.py
import out, talk, back
def entry(): return out.buffer.getvalue()
=== out.py
import io, sys
buffer = io.StringIO()
sys.stdout = buffer
=== talk.py
print("hello")
def planted(): pass
=== back.py
import sys
sys.stdout = sys.__stdout__
""",
    "print_replaced_in_builtins": """
=== main.py
import patch, talk
def entry(): return patch.SEEN
=== patch.py
import builtins
SEEN = []
def record(*a): SEEN.append(a)
builtins.print = record
=== talk.py
print("one")
print("two")
planted = 1
""",
    "print_replaced_in_module": """
=== main.py
import patch, talk
def entry(): return patch.SEEN
=== patch.py
SEEN = []
def print(*a): SEEN.append(a)
=== talk.py
from patch import print
print("one")
""",
    "standard_function_replaced_and_called": """
=== main.py
import patch, user
def entry(): return patch.SEEN
=== patch.py
import hashlib
SEEN = []
real = hashlib.sha256
def record(data=b""):
    SEEN.append(data)
    return real(data)
hashlib.sha256 = record
=== user.py
import hashlib
DIGEST = hashlib.sha256(b"abc")
planted = 1
""",
    "standard_function_replaced_by_setattr_computed": """
=== main.py
import patch, user
def entry(): return patch.SEEN
=== patch.py
import math
SEEN = []
for name in ["floor", "ceil"]:
    real = getattr(math, name)
    setattr(math, name, lambda x, real=real: SEEN.append(x) or real(x))
=== user.py
import math
N = math.floor(1.5)
""",
    "builtin_replaced_by_name_in_module": """
=== main.py
import box, patch, box2
def entry(): return patch.SEEN
=== box.py
def f(): return 1
=== patch.py
import builtins
SEEN = []
old = builtins.len
def mylen(x):
    SEEN.append("len")
    return old(x)
builtins.len = mylen
=== box2.py
N = len([1, 2])
""",
    "module_builtin_shadowed_from_outside": """
=== main.py
import target, patch, late
def entry(): return patch.SEEN, target.size([1])
=== target.py
def size(x): return len(x)
=== patch.py
import target
SEEN = []
def mylen(x):
    SEEN.append("len")
    return 42
target.len = mylen
=== late.py
import target
N = target.size([3])
""",
    "metaclass_instancecheck": """
=== main.py
import m
def entry(): return isinstance(3, m.Num), m.SEEN
=== m.py
SEEN = []
class Meta(type):
    def __instancecheck__(cls, obj):
        SEEN.append(obj)
        return True
class Num(metaclass=Meta): pass
IS = isinstance(7, Num)
planted = isinstance(7, int)
""",
    "metaclass_call_singleton": """
=== main.py
import m, n
def entry(): return m.Single().count
=== m.py
class Meta(type):
    def __call__(cls, *a):
        if not hasattr(cls, "_it"):
            cls._it = super().__call__(*a)
        cls._it.count += 1
        return cls._it
class Single(metaclass=Meta):
    count = 0
=== n.py
from m import Single
first = Single()
""",
    "class_decorator_replaces_class": """
=== main.py
from deco import swap
@swap
class A:
    def value(self): return 1
def entry(): return A().value(), A.__name__
=== deco.py
def swap(cls):
    class B(cls):
        def value(self): return super().value() + EXTRA
    return B
EXTRA = 10
planted = 5
""",
    "class_decorator_collects_methods": """
=== main.py
import handlers
from registry import TABLE
def entry(): return sorted(TABLE), TABLE["b"](2)
=== registry.py
TABLE = {}
def on(name):
    def mark(f):
        f._on = name
        return f
    return mark
def collect(cls):
    obj = cls()
    for key in dir(cls):
        method = getattr(obj, key)
        if hasattr(method, "_on"):
            TABLE[method._on] = method
    return cls
=== handlers.py
from registry import on, collect
@collect
class H:
    @on("a")
    def first(self, x): return x
    @on("b")
    def second(self, x): return x * 2
class planted: pass
""",
    "descriptor_get_on_class_read": """
=== main.py
import d, reads
def entry(): return d.SEEN
=== d.py
SEEN = []
class D:
    def __get__(self, obj, owner):
        SEEN.append(owner.__name__)
        return 5
class A:
    x = 0
A.x = D()
=== reads.py
from d import A
VALUE = A.x
""",
    "init_subclass_chain_super": """
=== main.py
import a, b
def entry(): return a.ORDER
=== a.py
ORDER = []
class P:
    def __init_subclass__(cls, tag=None, **kw):
        super().__init_subclass__(**kw)
        ORDER.append((cls.__name__, tag))
class Q(P, tag="q"): pass
=== b.py
import a
class R(a.Q, tag="r"): pass
class S(R): pass
def planted(): pass
""",
    "init_subclass_wraps_methods": """
=== main.py
from a import Child
def entry(): return Child().run()
=== a.py
def double(f): return lambda self: f(self) * FACTOR
FACTOR = 2
class Base:
    def __init_subclass__(cls):
        for k, v in list(vars(cls).items()):
            if k in NAMES: setattr(cls, k, double(v))
NAMES = {"run"}
class Child(Base):
    def run(self): return 21
planted = 3
""",
    "prepare_records_order": """
=== main.py
import m
def entry(): return m.LOG, list(m.C.order)
=== m.py
LOG = []
class D(dict):
    def __setitem__(self, k, v):
        LOG.append(k)
        super().__setitem__(k, v)
class Meta(type):
    @classmethod
    def __prepare__(mcs, name, bases): return D()
    def __new__(mcs, name, bases, ns):
        c = super().__new__(mcs, name, bases, dict(ns))
        c.order = [k for k in ns if not k.startswith("__")]
        return c
class C(metaclass=Meta):
    a = 1
    def b(self): pass
class Other(metaclass=Meta):
    z = 1
planted = 1
""",
    "type_three_arguments": """
=== main.py
import m
def entry(): return m.REG, m.Made().hi()
=== m.py
REG = []
class Base:
    def __init_subclass__(cls): REG.append(cls.__name__)
def hi(self): return "hi " + WORD
WORD = "you"
Made = type("Made", (Base,), {"hi": hi})
type("Unnamed", (Base,), {})
def planted(): pass
""",
    "types_new_class_and_prepare": """
=== main.py
import m
def entry(): return m.K.x, m.REG
=== m.py
import types
REG = []
class Meta(type):
    def __init__(cls, *a): REG.append(cls.__name__)
K = types.new_class("K", (), {"metaclass": Meta}, lambda ns: ns.update(x=3))
types.new_class("L", (), {"metaclass": Meta})
planted = types.SimpleNamespace(a=1)
""",
    "singledispatch_other_module_with_annotation": """
=== main.py
import core, plug
def entry(): return core.show(3), core.show("a"), core.show([1])
=== core.py
from functools import singledispatch
@singledispatch
def show(x): return "any"
=== plug.py
import core
@core.show.register
def _(x: int): return "int"
@core.show.register(str)
def _(x): return "str"
core.show.register(list, lambda x: "list")
def planted(): pass
""",
    "singledispatchmethod_registered_outside": """
=== main.py
import core, plug
def entry(): return core.S().show(3), core.S().show("a")
=== core.py
from functools import singledispatchmethod
class S:
    @singledispatchmethod
    def show(self, x): return "any"
=== plug.py
from core import S
@S.__dict__["show"].register(int)
def _(self, x): return "int"
class planted(S): pass
""",
    "enum_extended_by_setattr": """
=== main.py
import color, more
def entry(): return color.Color.RED.label(), [c.name for c in color.Color], color.Color(9).name
=== color.py
from enum import Enum
class Color(Enum):
    RED = 1
    @classmethod
    def _missing_(cls, value): return cls.RED
=== more.py
from color import Color
Color.label = lambda self: "label " + self.name.lower()
planted = Color.RED
""",
    "enum_value2member_patched": """
=== main.py
import color, more
def entry(): return color.Color("r").name
=== color.py
from enum import Enum
class Color(Enum):
    RED = 1
=== more.py
import color
color.Color._value2member_map_["r"] = color.Color.RED
""",
    "enum_created_dynamically": """
=== main.py
import m
def entry(): return [c.value for c in m.E], m.E.A.name
=== m.py
from enum import Enum
NAMES = ["A", "B"]
NAMES.append("C")
E = Enum("E", NAMES)
planted = Enum("planted", "X Y")
""",
    "cached_property_primed": """
=== main.py
import m
def entry(): return m.obj.value, m.calls
=== m.py
from functools import cached_property
calls = []
class A:
    @cached_property
    def value(self):
        calls.append(1)
        return len(calls) * 10
obj = A()
obj.value
calls.append(2)
planted = 1
""",
    "functools_cache_primed": """
=== main.py
import m, prime, change
def entry(): return m.get("k")
=== m.py
from functools import lru_cache
STATE = {"k": 1}
@lru_cache
def get(key): return STATE[key]
=== prime.py
import m
m.get("k")
=== change.py
import m
m.STATE["k"] = 2
planted = 0
""",
    "cache_cleared_and_primed_in_comprehension": """
=== main.py
import m, prime
def entry(): return m.get.cache_info().currsize, m.get(1)
=== m.py
import functools
@functools.cache
def get(key): return key + OFFSET
OFFSET = 1
=== prime.py
from m import get
import m
WARM = [get(n) for n in range(3)]
m.OFFSET = 100
""",
    "property_patched_later": """
=== main.py
import m, patch
def entry():
    a = m.A()
    a.x = 3
    return a.x, a._x
=== m.py
class A:
    _x = 0
    @property
    def x(self): return self._x
=== patch.py
from m import A
A.x = A.x.setter(lambda self, v: setattr(self, "_x", v * 2))
planted = property(lambda self: 1)
""",
    "del_method_from_class": """
=== main.py
import m, cut
def entry(): return m.B().f()
=== m.py
class A:
    def f(self): return "A"
class B(A):
    def f(self): return "B"
=== cut.py
import m
del m.B.f
""",
    "abc_abstract_removed": """
=== main.py
import m, patch
def entry(): return m.Impl().go()
=== m.py
import abc
class Impl(abc.ABC):
    @abc.abstractmethod
    def go(self): return "went"
=== patch.py
import m
m.Impl.__abstractmethods__ = frozenset()
""",
    "mro_changed_by_bases": """
=== main.py
import m, patch
def entry(): return m.C().who()
=== m.py
class A:
    def who(self): return "A"
class B:
    def who(self): return "B"
class C(A): pass
=== patch.py
import m
m.C.__bases__ = (m.B,)
planted = m
""",
    "callable_instance_as_decorator": """
=== main.py
import m
def entry(): return m.app.routes["/x"](), sorted(m.app.routes)
=== m.py
class App:
    def __init__(self): self.routes = {}
    def __call__(self, path):
        def deco(f):
            self.routes[path] = f
            return f
        return deco
app = App()
@app("/x")
def x(): return helper()
@app("/y")
def y(): return 2
def helper(): return "x"
def planted(): return 3
""",
    "decorator_stack_order": """
=== main.py
import m
def entry(): return m.LOG, m.f()
=== m.py
LOG = []
def a(f):
    LOG.append("a")
    return lambda: "a" + f()
def b(f):
    LOG.append("b")
    return lambda: "b" + f()
@a
@b
def f(): return "f"
@b
def unused(): return ""
def planted(): return ""
""",
    "decorator_from_expression": """
=== main.py
import m
def entry(): return [f() for f in m.FUNCS], m.last
=== m.py
FUNCS = []
@FUNCS.append
def one(): return 1
@(lambda f: FUNCS.append(f) or f)
def two(): return 2
last = two()
def planted(): return 1
""",
    "weak_method_registry": """
=== main.py
import m
def entry(): return [f() for f in list(m.LIVE)]
=== m.py
import weakref
LIVE = weakref.WeakSet()
def keep(f):
    LIVE.add(f)
    return f
@keep
def one(): return "one"
def planted(): return 1
""",
    "finalizer_called_by_del": """
=== main.py
import m
def entry(): return m.LOG
=== m.py
import weakref
LOG = []
class A: pass
a = A()
weakref.finalize(a, LOG.append, "gone")
del a
planted = 1
""",
    "del_method_at_rebinding": """
=== main.py
import m
def entry(): return m.LOG
=== m.py
LOG = []
class A:
    def __del__(self): LOG.append("del")
a = A()
a = None
planted = 1
""",
    "dataclass_transform_style_registry": """
=== main.py
import m
def entry(): return {k: sorted(v.__annotations__) for k, v in m.MODELS.items()}
=== m.py
MODELS = {}
def model(cls=None, *, name=None):
    def wrap(c):
        MODELS[name or c.__name__] = c
        return c
    return wrap if cls is None else wrap(cls)
@model
class A:
    x: int
@model(name="bee")
class B:
    y: str
class planted:
    z: int
""",
    "generic_alias_origin_registers": """
=== main.py
import m
def entry(): return m.SEEN
=== m.py
from typing import Generic, TypeVar
T = TypeVar("T")
SEEN = []
class Box(Generic[T]):
    def __class_getitem__(cls, item):
        SEEN.append(item.__name__)
        return super().__class_getitem__(item)
IntBox = Box[int]
class Sub(Box[str]): pass
def planted(): pass
""",
    "instance_dict_shared_borg": """
=== main.py
import m, set_it
def entry(): return m.Borg().color
=== m.py
class Borg:
    _state = {}
    def __init__(self): self.__dict__ = self._state
=== set_it.py
from m import Borg
Borg().color = "red"
planted = 2
""",
    "new_returns_pooled": """
=== main.py
import m, fill
def entry(): return m.P(1).tag
=== m.py
class P:
    pool = {}
    def __new__(cls, n):
        if n not in cls.pool:
            cls.pool[n] = super().__new__(cls)
            cls.pool[n].tag = f"n{len(cls.pool)}"
        return cls.pool[n]
=== fill.py
from m import P
P(0)
X = P(5)
""",
    "getattribute_counts": """
=== main.py
import m, n
def entry(): return m.COUNT
=== m.py
COUNT = [0]
class A:
    def __getattribute__(self, name):
        COUNT[0] += 1
        return 1
a = A()
=== n.py
from m import a
b = a.foo
c = a.bar
""",
    "class_body_for_registers": """
=== main.py
import m
def entry(): return sorted(m.NAMES), m.K.total
=== m.py
NAMES = set()
class K:
    total = 0
    for i in range(3):
        NAMES.add(f"n{i}")
        total += i
    del i
class L:
    NAMES.discard("n1")
class planted:
    for i in range(3): pass
""",
    "class_body_with_statement": """
=== main.py
import m
def entry(): return m.LOG
=== m.py
from contextlib import contextmanager
LOG = []
@contextmanager
def note(name):
    LOG.append("in " + name)
    yield
    LOG.append("out " + name)
class K:
    with note("k"):
        x = 1
class planted:
    x = 1
""",
}
