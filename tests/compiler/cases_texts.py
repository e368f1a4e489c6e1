"""Tiny programs that spell names in strings: modules, attributes, code. Each has main:entry; see test_slices."""

CASES = {
    "resolve_name_constant": """
=== main.py
import pkgutil
def entry(): return pkgutil.resolve_name("ops:double")(4), pkgutil.resolve_name("ops.K.x")
=== ops.py
def double(x): return x * FACTOR
FACTOR = 2
class K: x = 7
def planted(): pass
""",
    "import_module_table": """
=== main.py
import importlib
TABLE = {"a": "plug_a", "b": "plug_b"}
def entry(): return [importlib.import_module(TABLE[k]).run() for k in "ab"]
=== plug_a.py
def run(): return "A" + EXTRA
EXTRA = "!"
=== plug_b.py
def run(): return "B"
def planted(): return 0
""",
    "import_module_table_get_with_default": """
=== main.py
import importlib
TABLE = {"a": "plug_a"}
def entry(): return [importlib.import_module(TABLE.get(k, "plug_b")).run() for k in "ax"]
=== plug_a.py
def run(): return "A"
=== plug_b.py
def run(): return "B"
""",
    "import_module_table_of_tuples": """
=== main.py
import importlib
TABLE = {"a": ("plug_a", "run"), "b": ("plug_b", "go")}
def entry():
    out = []
    for key, (module, name) in TABLE.items():
        out.append(getattr(importlib.import_module(module), name)())
    return out
=== plug_a.py
def run(): return "A"
=== plug_b.py
def go(): return "B"
""",
    "import_module_list_global": """
=== main.py
import importlib
PLUGINS = ["plug_a", "plug_b"]
for _name in PLUGINS:
    importlib.import_module(_name)
from reg import REG
def entry(): return REG
=== reg.py
REG = []
=== plug_a.py
import reg
reg.REG.append("A")
=== plug_b.py
import reg
reg.REG.append("B")
def planted(): return 0
""",
    "import_module_comprehension_over_global": """
=== main.py
import importlib
PLUGINS = ("plug_a", "plug_b")
LOADED = [importlib.import_module(p) for p in PLUGINS]
def entry(): return [m.NAME for m in LOADED]
=== plug_a.py
NAME = "A"
=== plug_b.py
NAME = "B"
""",
    "import_module_map": """
=== main.py
import importlib
def entry(): return [m.NAME for m in map(importlib.import_module, ["plug_a", "plug_b"])]
=== plug_a.py
NAME = "A"
=== plug_b.py
NAME = "B"
""",
    "import_module_fstring_of_constants": """
=== main.py
import importlib
KIND = "fast"
def entry(): return importlib.import_module(f"impl_{KIND}").run()
=== impl_fast.py
def run(): return "fast"
def planted(): pass
=== impl_slow.py
def run(): return "slow"
""",
    "import_module_concatenated_constants": """
=== main.py
import importlib
PRE = "impl_"
def entry(): return importlib.import_module(PRE + "fast").run(), importlib.import_module("%s%s" % (PRE, "slow")).run()
=== impl_fast.py
def run(): return "fast"
=== impl_slow.py
def run(): return "slow"
""",
    "import_module_format_join": """
=== main.py
import importlib
def entry():
    a = importlib.import_module("{}_{}".format("impl", "fast"))
    b = importlib.import_module("_".join(["impl", "slow"]))
    return a.run() + b.run()
=== impl_fast.py
def run(): return "fast"
=== impl_slow.py
def run(): return "slow"
""",
    "import_module_by_class_attribute": """
=== main.py
import importlib
class Config:
    backend = "impl_fast"
def entry(): return importlib.import_module(Config.backend).run()
=== impl_fast.py
def run(): return "fast"
def planted(): pass
""",
    "import_module_by_function_result": """
=== main.py
import importlib
def which(): return "impl_fast"
def entry(): return importlib.import_module(which()).run()
=== impl_fast.py
def run(): return "fast"
""",
    "import_module_or": """
=== main.py
import importlib
NAME = None
def entry(): return importlib.import_module(NAME or "impl_fast").run()
=== impl_fast.py
def run(): return "fast"
""",
    "import_module_default_parameter": """
=== main.py
import importlib
def load(name="impl_fast"): return importlib.import_module(name)
def entry(): return load().run(), load("impl_slow").run()
=== impl_fast.py
def run(): return "fast"
=== impl_slow.py
def run(): return "slow"
""",
    "import_module_package_keyword": """
=== main.py
import importlib
def entry(): return importlib.import_module(".inner", package="pkg").VALUE
=== pkg/__init__.py
=== pkg/inner.py
VALUE = 3
planted = 4
""",
    "import_module_alias_names": """
=== main.py
from importlib import import_module as load
def entry(): return load("impl_fast").run()
=== impl_fast.py
def run(): return "fast"
def planted(): pass
""",
    "import_by_dunder_with_fromlist": """
=== main.py
def entry():
    m = __import__("pkg.inner", fromlist=["VALUE"]).VALUE
    return m, __import__("pkg").inner.OTHER
=== pkg/__init__.py
=== pkg/inner.py
VALUE = 3
OTHER = 4
planted = 5
""",
    "importlib_util_find_spec": """
=== main.py
import importlib.util
HAVE = importlib.util.find_spec("extra") is not None
def entry():
    if HAVE:
        import extra
        return extra.run()
    return "none"
=== extra.py
def run(): return "extra"
def planted(): pass
""",
    "importlib_util_find_spec_absent": """
=== main.py
import importlib.util
def entry(): return importlib.util.find_spec("not_there_at_all") is None
""",
    "runpy_module_constant": """
=== main.py
import runpy
def entry(): return runpy.run_module("script")["RESULT"]
=== script.py
def make(): return 42
RESULT = make()
""",
    "getattr_table_on_module": """
=== main.py
import ops
NAMES = {"add": "do_add", "sub": "do_sub"}
def entry(): return [getattr(ops, NAMES[k])(5, 2) for k in ("add", "sub")]
=== ops.py
def do_add(a, b): return a + b
def do_sub(a, b): return a - b
""",
    "getattr_constant_names_loop": """
=== main.py
import ops
def entry():
    return [getattr(ops, name)() for name in ("one", "two")]
=== ops.py
def one(): return 1
def two(): return 2
""",
    "attrgetter_constant": """
=== main.py
import operator, ops
def entry(): return operator.attrgetter("K.x", "f")(ops)[0], operator.methodcaller("f", 3)(ops)
=== ops.py
class K: x = 7
def f(n=0): return n + ONE
ONE = 1
""",
    "globals_constant_key": """
=== main.py
def double(x): return x * 2
def entry(): return globals()["double"](4)
def planted(): pass
""",
    "globals_table_of_names": """
=== main.py
def do_a(): return "a"
def do_b(): return "b"
TABLE = {"x": "do_a", "y": "do_b"}
def entry(): return [globals()[n]() for n in TABLE.values()]
""",
    "globals_fstring": """
=== main.py
def do_a(): return "a"
def do_b(): return "b"
def entry(): return [globals()[f"do_{k}"]() for k in "ab"]
""",
    "eval_constant_expression": """
=== main.py
import math
LIMIT = 10
def helper(x): return x + LIMIT
def entry(): return eval("helper(math.floor(2.5))")
def planted(): pass
""",
    "eval_concatenated_constants": """
=== main.py
LIMIT = 10
def entry(): return eval("LIMIT" + " + 1")
def planted(): pass
""",
    "eval_compiled_constant": """
=== main.py
LIMIT = 10
CODE = compile("LIMIT * 2", "<c>", "eval")
def entry(): return eval(CODE)
def planted(): pass
""",
    "exec_compiled_constant": """
=== main.py
exec(compile("def made(): return BASE + 1", "<c>", "exec"))
BASE = 4
def entry(): return made()
def planted(): pass
""",
    "exec_constant_in_loop": """
=== main.py
for text in ("A = 1", "B = 2"):
    exec(text)
def entry(): return A + B
""",
    "exec_into_module_dict": """
=== main.py
import target, maker
def entry(): return target.value()
=== target.py
BASE = 5
=== maker.py
import target
exec("def value(): return BASE * 2", target.__dict__)
planted = 1
""",
    "exec_template_constant_names": """
=== main.py
TEMPLATE = '''
def {name}(): return "{name}" + SUFFIX
'''
for name in ("one", "two"):
    exec(TEMPLATE.format(name=name))
SUFFIX = "!"
def entry(): return one() + two()
""",
    "type_hints_alias_import": """
=== main.py
from typing import get_type_hints as hints
import types_here as th
def f(a: "th.A", b: "int") -> "th.B": pass
def entry(): return sorted(k.__name__ if k is not None else "" for k in hints(f).values())
=== types_here.py
class A: pass
class B: pass
class planted: pass
""",
    "type_hints_of_other_function_alias": """
=== main.py
import typing
import lib
reader = typing.get_type_hints
def entry(): return [t.__name__ for t in reader(lib.g).values()]
=== lib.py
from __future__ import annotations
from other import A
def g(x: A) -> A: pass
=== other.py
class A: pass
def planted(): pass
""",
    "signature_alias_eval_str": """
=== main.py
from inspect import signature as sig
import lib
def entry(): return [p.annotation.__name__ for p in sig(lib.g, eval_str=True).parameters.values()]
=== lib.py
from __future__ import annotations
from other import A
def g(x: A, y: int): pass
=== other.py
class A: pass
""",
    "annotations_by_getattr_of_string": """
=== main.py
import lib
def entry(): return getattr(lib.g, "__annotations__")["x"].__name__
=== lib.py
from other import A
def g(x: A): pass
=== other.py
class A: pass
def planted(): pass
""",
    "annotations_evaluated_by_hand": """
=== main.py
import lib
def entry(): return eval(lib.g.__annotations__["x"], vars(lib)).__name__
=== lib.py
from other import A
def g(x: "A"): pass
=== other.py
class A: pass
""",
    "dataclass_string_fields_resolved": """
=== main.py
import dataclasses, typing
from model import Order
def entry():
    hints = {k: v.__name__ for k, v in typing.get_type_hints(Order).items()}
    return hints, [f.type for f in dataclasses.fields(Order)]
=== model.py
from dataclasses import dataclass
from money import Money
@dataclass
class Order:
    total: "Money"
    count: int = 0
class planted: pass
=== money.py
class Money: pass
""",
    "typeddict_namedtuple_strings": """
=== main.py
import typing, model
def entry():
    return [h.__name__ for m in (model.P, model.D) for h in typing.get_type_hints(m).values()]
=== model.py
import typing
from kinds import K, L
class P(typing.NamedTuple):
    k: "K"
class D(typing.TypedDict):
    l: "L"
class planted(typing.TypedDict):
    l: "L"
=== kinds.py
class K: pass
class L: pass
""",
    "forward_reference_in_nested_string": """
=== main.py
import typing, model
def entry(): return str(typing.get_type_hints(model.f)["xs"])
=== model.py
import typing
def f(xs: "typing.List['Thing']"): pass
class Thing: pass
def planted(): pass
""",
    "logging_dictconfig_constant": """
=== main.py
import logging, logging.config
logging.config.dictConfig({
    "version": 1,
    "handlers": {"h": {"class": "handlers.Memory", "level": "INFO"}},
    "loggers": {"app": {"handlers": ["h"], "level": "INFO"}},
})
import handlers
def entry():
    logging.getLogger("app").info("hello")
    return handlers.SEEN
=== handlers.py
import logging
SEEN = []
class Memory(logging.Handler):
    def emit(self, record): SEEN.append(record.getMessage())
class planted: pass
""",
    "logging_dictconfig_named_constant_with_factory": """
=== main.py
import logging, logging.config
CONFIG = {
    "version": 1,
    "formatters": {"f": {"()": "handlers.make"}},
    "handlers": {"h": {"class": "handlers.Memory", "formatter": "f"}},
    "root": {"handlers": ["h"], "level": "DEBUG"},
}
logging.config.dictConfig(CONFIG)
import handlers
def entry():
    logging.getLogger("any").warning("hello")
    return handlers.SEEN
=== handlers.py
import logging
SEEN = []
class Memory(logging.Handler):
    def emit(self, record): SEEN.append(self.format(record))
def make(**kw): return logging.Formatter(PREFIX + "%(message)s")
PREFIX = "p:"
def planted(): pass
""",
    "mock_patch_object": """
=== main.py
from unittest import mock
import lib
def entry():
    with mock.patch("lib.value", 7): inside = lib.get()
    with mock.patch.object(lib, "value", 8): second = lib.get()
    return inside, second, lib.get()
=== lib.py
value = 1
def get(): return value
""",
    "colon_path_entry_point": """
=== main.py
from loader import load
def entry(): return load("shop.cart:total")([1, 2])
=== loader.py
import importlib
def load(spec):
    module, _, name = spec.partition(":")
    return getattr(importlib.import_module(module), name)
=== shop/__init__.py
=== shop/cart.py
def total(xs): return sum(xs) + FEE
FEE = 1
""",
    "class_found_by_qualified_string_table": """
=== main.py
import sys
import shapes
KINDS = {"c": "Circle", "s": "Square"}
def entry(): return [getattr(sys.modules["shapes"], KINDS[k])().name for k in "cs"]
=== shapes.py
class Circle: name = "circle"
class Square: name = "square"
""",
    "sys_modules_of_own_class": """
=== main.py
import lib
def entry(): return lib.K().helper()
=== lib.py
import sys
class K:
    def helper(self): return getattr(sys.modules[__name__], "find")(4)
def find(x): return x + ONE
ONE = 1
def planted(): pass
""",
    "struct_formats_and_strings_that_are_no_names": """
=== main.py
import struct
WORDS = ["main.planted", "lib:planted.x", "a.b"]
def entry(): return struct.pack(">H", 3), len(WORDS)
def unused(): return 1
""",
    "module_name_in_constant_tuple_unpacked": """
=== main.py
import importlib
MODULE, NAME = "ops", "double"
def entry(): return getattr(importlib.import_module(MODULE), NAME)(4)
=== ops.py
def double(x): return 2 * x
""",
    "import_module_upper_case_computed": """
=== main.py
import importlib
def entry(): return importlib.import_module("OPS".lower()).double(4)
=== ops.py
def double(x): return 2 * x
def planted(): pass
""",
    "import_module_named_by_environment": """
=== main.py
import importlib, os
def entry(): return importlib.import_module(os.environ.get("GOTEE_CASE_OPS", "ops")).double(4)
=== ops.py
def double(x): return 2 * x
""",
    "import_module_walrus": """
=== main.py
import importlib
def entry():
    if (name := "ops"):
        return importlib.import_module(name).double(4)
=== ops.py
def double(x): return 2 * x
""",
    "import_module_match": """
=== main.py
import importlib
def pick(kind):
    match kind:
        case 1: name = "ops"
        case _: name = "other"
    return importlib.import_module(name).double(4)
def entry(): return pick(1), pick(2)
=== ops.py
def double(x): return 2 * x
=== other.py
def double(x): return 3 * x
""",
    "lazy_loader_class": """
=== main.py
from lazy import Lazy
ops = Lazy("ops")
def entry(): return ops.double(4)
=== lazy.py
import importlib
class Lazy:
    def __init__(self, name): self._name = name
    def __getattr__(self, attr): return getattr(importlib.import_module(self._name), attr)
=== ops.py
def double(x): return 2 * x
""",
    "module_lazy_getattr_with_table": """
=== main.py
import pkg
def entry(): return pkg.alpha(), pkg.beta
=== pkg/__init__.py
import importlib
_TABLE = {"alpha": ".one", "beta": ".two"}
def __getattr__(name):
    if name in _TABLE:
        return getattr(importlib.import_module(_TABLE[name], __name__), name)
    raise AttributeError(name)
=== pkg/one.py
def alpha(): return "alpha"
=== pkg/two.py
beta = "beta"
""",
}
MAY_REFUSE = {
    "annotations_evaluated_by_hand", "colon_path_entry_point", "lazy_loader_class",
    "import_module_named_by_environment",
}  # fmt: skip
