"""Tiny programs in which import-time code reaches others by way of the standard library, or in an order that matters.

Each has main:entry; see test_slices.
"""

CASES = {
    "calendar_first_weekday": """
=== main.py
import setup, calendar
def entry(): return calendar.firstweekday(), calendar.weekheader(2)[:2]
=== setup.py
import calendar as cal
_ = cal.setfirstweekday(cal.SUNDAY)
planted = cal.MONDAY
""",
    "register_namespace": """
=== main.py
import setup
import xml.etree.ElementTree as ET
def entry(): return ET.tostring(ET.fromstring('<a xmlns="urn:x"/>')).decode()
=== setup.py
from xml.etree import ElementTree
done = ElementTree.register_namespace("pre", "urn:x")
""",
    "csv_dialect_assigned": """
=== main.py
import setup, csv, io
def entry(): return next(csv.reader(io.StringIO("a;b"), "semi"))
=== setup.py
import csv
x = csv.register_dialect("semi", delimiter=";")
""",
    "sqlite_converter_by_decorating_function": """
=== main.py
import setup, sqlite3
from setup import Point
def entry():
    c = sqlite3.connect(":memory:")
    return c.execute("select ?", (Point(3),)).fetchone()
=== setup.py
import sqlite3
class Point:
    def __init__(self, x): self.x = x
def adapt(p): return f"P{p.x}"
nothing = sqlite3.register_adapter(Point, adapt)
""",
    "standard_class_attribute_by_function": """
=== main.py
import setup
import http.server
def entry(): return http.server.HTTPServer.tag, http.server.HTTPServer.request_queue_size
=== setup.py
import socketserver
def mark(cls):
    cls.tag = "marked"
    cls.request_queue_size = 77
mark(socketserver.TCPServer)
""",
    "standard_class_attribute_by_loop": """
=== main.py
import setup
import http.server
def entry(): return http.server.HTTPServer.tag
=== setup.py
import socketserver
for cls in (socketserver.TCPServer, socketserver.UDPServer):
    cls.tag = cls.__name__
planted = 1
""",
    "json_encoder_default_through_alias": """
=== main.py
import setup, json
def entry(): return json.dumps({"a": {1, 2}})
=== setup.py
from json import JSONEncoder as E
_old = E.default
def default(self, o): return sorted(o) if isinstance(o, set) else _old(self, o)
E.default = default
""",
    "json_default_encoder_replaced": """
=== main.py
import setup, json
def entry(): return json.dumps({"a": 1})
=== setup.py
import json
json._default_encoder = json.JSONEncoder(separators=(",", "~"))
""",
    "decimal_default_context_traps": """
=== main.py
import setup, decimal
def entry():
    try: return str(decimal.Decimal(1) / 0)
    except decimal.DivisionByZero: return "trap"
=== setup.py
import decimal
ctx = decimal.getcontext()
ctx.traps[decimal.DivisionByZero] = False
""",
    "decimal_context_in_function_at_import": """
=== main.py
import setup
from decimal import Decimal
def entry(): return str(Decimal(2).sqrt())
=== setup.py
from decimal import setcontext, Context
def init(): setcontext(Context(prec=6))
init()
def planted(): return Context(prec=7)
""",
    "random_state_advanced_by_class_body": """
=== main.py
import random
random.seed(7)
import other
def entry(): return random.randint(0, 1000)
=== other.py
import random
class Config:
    salt = random.random()
""",
    "random_state_advanced_by_default": """
=== main.py
import random
random.seed(7)
import other
def entry(): return random.randint(0, 1000)
=== other.py
from random import choice
def unused(x=choice("abc")): return x
""",
    "random_instance_shared": """
=== main.py
import rng, a, b
def entry(): return rng.R.random()
=== rng.py
import random
R = random.Random(3)
planted = random.Random(4)
=== a.py
import rng
X = rng.R.random()
=== b.py
from rng import R
def shuffle(xs): R.shuffle(xs)
shuffle([1, 2, 3])
""",
    "warnings_as_errors": """
=== main.py
import setup, warnings
def entry():
    try: warnings.warn("old", DeprecationWarning)
    except DeprecationWarning as e: return "raised " + str(e)
    return "shown"
=== setup.py
from warnings import simplefilter
simplefilter("error", DeprecationWarning)
""",
    "warnings_showwarning_replaced": """
=== main.py
import setup, warnings
def entry():
    warnings.warn("hello")
    return setup.SEEN
=== setup.py
import warnings
SEEN = []
def show(message, *rest, **kw): SEEN.append(str(message))
warnings.showwarning = show
""",
    "logging_handler_in_unneeded_module": """
=== main.py
import setup, logging
def entry():
    logging.getLogger("a.b").error("x%d", 1)
    return setup.OUT
=== setup.py
import logging
OUT = []
class H(logging.Handler):
    def emit(self, r): OUT.append((r.name, r.getMessage()))
logging.getLogger("a").addHandler(H())
logging.getLogger("a").propagate = False
""",
    "logging_filter_and_adapter": """
=== main.py
import log, logging
def entry():
    log.log.info("hi")
    return log.SEEN
=== log.py
import logging
SEEN = []
class F(logging.Filter):
    def filter(self, record):
        SEEN.append(record.msg)
        return False
_base = logging.getLogger("quiet")
_base.setLevel("INFO")
_base.addFilter(F())
log = logging.LoggerAdapter(_base, {})
""",
    "logging_record_factory": """
=== main.py
import setup, logging
def entry():
    return logging.getLogRecordFactory()("n", 20, "p", 1, "m", (), None).tag
=== setup.py
import logging
old = logging.getLogRecordFactory()
def factory(*a, **k):
    r = old(*a, **k)
    r.tag = "T"
    return r
logging.setLogRecordFactory(factory)
""",
    "codecs_search_function": """
=== main.py
import setup
def entry(): return "abc".encode("shout")
=== setup.py
import codecs
def encode(text, errors="strict"): return text.upper().encode(), len(text)
def decode(data, errors="strict"): return data.decode().lower(), len(data)
def search(name): return codecs.CodecInfo(encode, decode, name="shout") if name == "shout" else None
codecs.register(search)
def planted(): pass
""",
    "copyreg_reducer": """
=== main.py
import setup, copy
from setup import P
def entry(): return copy.copy(P(1)).x
=== setup.py
import copyreg
class P:
    def __init__(self, x): self.x = x
def make(x): return P(x + 100)
copyreg.pickle(P, lambda p: (make, (p.x,)))
""",
    "mimetypes_added": """
=== main.py
import setup, mimetypes
def entry(): return mimetypes.guess_type("a.zzz")[0]
=== setup.py
import mimetypes
mimetypes.add_type("x/zzz", ".zzz")
""",
    "signal_and_threads": """
=== main.py
import setup, signal
def entry():
    signal.raise_signal(signal.SIGUSR1)
    return setup.GOT
=== setup.py
import signal
GOT = []
signal.signal(signal.SIGUSR1, lambda n, f: GOT.append(int(n)))
""",
    "threading_local_in_other_module": """
=== main.py
import ctx, setup
def entry(): return getattr(ctx.local, "user", None)
=== ctx.py
import threading
local = threading.local()
planted = threading.local()
=== setup.py
import ctx
ctx.local.user = "root"
""",
    "thread_fills_at_import": """
=== main.py
import store, setup
def entry(): return store.S
=== store.py
S = []
=== setup.py
import threading, store
def work(): store.S.append("worked")
t = threading.Thread(target=work)
t.start()
t.join()
""",
    "executor_fills_at_import": """
=== main.py
import store, setup
def entry(): return sorted(store.S)
=== store.py
S = []
=== setup.py
from concurrent.futures import ThreadPoolExecutor
from store import S
with ThreadPoolExecutor(2) as pool:
    list(pool.map(S.append, [2, 1]))
""",
    "asyncio_run_at_import": """
=== main.py
import store, setup
def entry(): return store.S
=== store.py
S = []
=== setup.py
import asyncio, store
async def fill(): store.S.append("async")
asyncio.run(fill())
""",
    "contextvar_set_through_token": """
=== main.py
import ctx, setup
def entry(): return ctx.V.get()
=== ctx.py
from contextvars import ContextVar
V = ContextVar("V", default="d")
planted = ContextVar("W")
=== setup.py
from ctx import V
token = V.set("one")
V.set("two")
V.reset(token)
V.set("three")
""",
    "environ_in_unneeded_function": """
=== main.py
import setup, os
def entry(): return os.environ["GOTEE_E1"], os.getenv("GOTEE_E2")
=== setup.py
import os
def init(env): env["GOTEE_E1"] = "a"; env.update(GOTEE_E2="b")
init(os.environ)
""",
    "environ_putenv_alias": """
=== main.py
import setup
from os import environ
def entry(): return environ.pop("GOTEE_E3")
=== setup.py
import os as system
e = system.environ
e |= {"GOTEE_E3": "c"}
""",
    "locale_set": """
=== main.py
import setup, locale
def entry(): return locale.setlocale(locale.LC_NUMERIC)
=== setup.py
import locale
current = locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")
""",
    "gc_disabled_and_callbacks": """
=== main.py
import setup, gc
def entry(): return gc.isenabled(), gc.get_threshold()[0]
=== setup.py
import gc
gc.disable()
gc.set_threshold(123)
""",
    "recursion_limit_by_alias": """
=== main.py
import setup, sys
def entry(): return sys.getrecursionlimit()
=== setup.py
from sys import setrecursionlimit as limit
limit(2345)
""",
    "int_max_digits_and_switch_interval": """
=== main.py
import setup, sys
def entry(): return sys.get_int_max_str_digits(), round(sys.getswitchinterval(), 3)
=== setup.py
import sys
sys.set_int_max_str_digits(1234)
sys.setswitchinterval(0.02)
""",
    "builtins_added_name": """
=== main.py
import setup, lib
def entry(): return lib.shout()
=== lib.py
def shout(): return upper_all("abc")
=== setup.py
import builtins
def upper_all(s): return s.upper() + TAIL
TAIL = "!"
builtins.upper_all = upper_all
planted = 1
""",
    "builtins_by_setattr_and_dict": """
=== main.py
import setup
def entry(): return one_name + two_name + three_name
=== setup.py
import builtins
setattr(builtins, "one_name", "1")
vars(builtins)["two_name"] = "2"
builtins.__dict__.update(three_name="3")
""",
    "gettext_installed": """
=== main.py
import setup
def entry(): return _("hello")
=== setup.py
import gettext
gettext.install("none")
""",
    "sys_excepthook_and_displayhook": """
=== main.py
import setup, sys
def entry():
    sys.excepthook(ValueError, ValueError("v"), None)
    return setup.GOT
=== setup.py
import sys
GOT = []
sys.excepthook = lambda t, v, tb: GOT.append(str(v))
""",
    "audit_hook": """
=== main.py
import setup, sys
def entry():
    sys.audit("my.event", 5)
    return setup.GOT
=== setup.py
import sys
GOT = []
sys.addaudithook(lambda e, a: GOT.append(a) if e == "my.event" else None)
""",
    "meta_path_finder": """
=== main.py
import setup
def entry():
    import made_up_module
    return made_up_module.VALUE
=== setup.py
import sys, types, importlib.abc, importlib.machinery
class F(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "made_up_module" else None
    def create_module(self, spec): return None
    def exec_module(self, module): module.VALUE = 11
sys.meta_path.insert(0, F())
""",
    "module_type_put_in_sys_modules": """
=== main.py
import setup
import virtual_mod
def entry(): return virtual_mod.answer
=== setup.py
import sys, types
m = types.ModuleType("virtual_mod")
m.answer = 42
sys.modules["virtual_mod"] = m
planted = types.ModuleType("x")
""",
    "atexit_run_by_hand": """
=== main.py
import setup, atexit
def entry():
    atexit._run_exitfuncs()
    return setup.GOT
=== setup.py
import atexit
GOT = []
@atexit.register
def bye(): GOT.append("bye")
""",
    "urllib_opener_installed": """
=== main.py
import setup, urllib.request
def entry(): return urllib.request.urlopen("my:abc").read()
=== setup.py
import io, urllib.request, urllib.response
class H(urllib.request.BaseHandler):
    def my_open(self, req): return urllib.response.addinfourl(io.BytesIO(req.full_url.encode()), {}, req.full_url)
opener = urllib.request.build_opener(H)
result = urllib.request.install_opener(opener)
""",
    "email_charset": """
=== main.py
import setup
from email.charset import Charset
def entry(): return Charset("utf-8").body_encoding
=== setup.py
import email.charset as c
_r = c.add_charset("utf-8", c.SHORTEST, c.QP, "utf-8")
""",
    "struct_and_re_caches_do_not_count": """
=== main.py
import re
def entry(): return re.sub("a+", "b", "caat")
planted_pattern = re.compile("x+")
planted_time = re.escape("a.b")
""",
    "tempfile_prefix_and_shutil_format": """
=== main.py
import setup, shutil
def entry(): return "zed" in [n for n, _ in shutil.get_archive_formats()]
=== setup.py
import shutil
def make(*a, **k): return ""
shutil.register_archive_format("zed", make, [], "")
""",
    "linecache_and_tracebacks": """
=== main.py
import setup, linecache
def entry(): return linecache.getline("<made>", 1)
=== setup.py
import linecache
linecache.cache["<made>"] = (3, None, ["abc\\n"], "<made>")
""",
    "fractions_class_patched": """
=== main.py
import setup
from fractions import Fraction
def entry(): return str(Fraction(1, 2))
=== setup.py
import fractions
fractions.Fraction.__str__ = lambda self: f"{self.numerator} over {self.denominator}"
""",
    "datetime_replaced_in_module": """
=== main.py
import clock, setup
def entry(): return clock.today()
=== clock.py
import datetime
def today(): return datetime.date.today().year
=== setup.py
import datetime
class Fake(datetime.date):
    @classmethod
    def today(cls): return cls(1999, 1, 1)
datetime.date = Fake
""",
    "time_replaced_by_from_import_too_late": """
=== main.py
import clock, setup
def entry(): return clock.first(), clock.second()
=== clock.py
import math
from math import floor
def first(): return floor(1.5)
def second(): return math.floor(1.5)
=== setup.py
import math
math.floor = lambda x: "patched"
""",
    "collections_abc_register": """
=== main.py
import setup
from collections.abc import Sequence
def entry(): return isinstance(setup.Thing(), Sequence)
=== setup.py
from collections.abc import Sequence
class Thing: pass
Sequence.register(Thing)
planted = Sequence
""",
    "numbers_register_by_other_module": """
=== main.py
import kinds, setup, numbers
def entry(): return isinstance(kinds.N(), numbers.Number)
=== kinds.py
class N: pass
=== setup.py
import numbers, kinds
unused = numbers.Number.register(kinds.N)
""",
    "counter_shared_by_functions": """
=== main.py
import ids, a, b
def entry(): return ids.new(), b.ID
=== ids.py
import itertools
_c = itertools.count(10)
def new(): return next(_c)
planted = itertools.count(5)
=== a.py
from ids import new
A1 = new()
A2, A3 = new(), new()
=== b.py
import ids
ID = ids.new()
""",
    "counter_advanced_by_default_and_decorator": """
=== main.py
import ids, a
def entry(): return ids.new()
=== ids.py
_n = [0]
def new():
    _n[0] += 1
    return _n[0]
def tag(f, n=new()):
    f.n = new()
    return f
=== a.py
import ids
@ids.tag
def f(x=ids.new()): pass
""",
    "id_by_class_attribute": """
=== main.py
import model, one, two
def entry(): return two.t.id, model.Item().id
=== model.py
class Item:
    _last = 0
    def __init__(self):
        Item._last += 1
        self.id = Item._last
=== one.py
from model import Item
items = [Item() for _ in range(3)]
=== two.py
from model import Item
t = Item()
""",
    "generator_consumed_in_two_modules": """
=== main.py
import src, one, two
def entry(): return two.SECOND, next(src.G)
=== src.py
def gen():
    for x in "abcdef":
        SEEN.append(x)
        yield x
SEEN = []
G = gen()
=== one.py
import src
FIRST = next(src.G)
=== two.py
from src import G
SECOND, THIRD = next(G), next(G)
""",
    "file_iterator_shared": """
=== main.py
import lines, skip
def entry(): return lines.L.readline().strip()
=== lines.py
import io
L = io.StringIO("a\\nb\\nc\\n")
=== skip.py
import lines
header = lines.L.readline()
""",
    "zip_iterator_of_plain_values": """
=== main.py
pairs = zip([1, 2, 3], "abc")
first = next(pairs)
rest = list(pairs)
def entry(): return list(pairs), len(rest)
""",
    "map_iterator_of_plain_values_in_other_module": """
=== main.py
import it, use
def entry(): return list(it.E)
=== it.py
E = enumerate("abc")
=== use.py
from it import E
for n, letter in E:
    if n == 1: break
""",
    "dict_iterator_exhausted": """
=== main.py
D = {"a": 1, "b": 2}
I = iter(D)
x = next(I)
def entry(): return list(I)
""",
    "import_order_records": """
=== main.py
import b, a
from log import L
def entry(): return L
=== log.py
L = []
=== a.py
import log
log.L.append("a")
import c
=== b.py
import c, log
log.L.append("b")
=== c.py
import log
log.L.append("c")
""",
    "import_order_with_circle": """
=== main.py
import a
from log import L
def entry(): return L, a.X
=== log.py
L = []
=== a.py
import log
log.L.append("a1")
X = 1
import b
log.L.append("a2")
X = b.Y + 1
=== b.py
import log, a
log.L.append("b")
Y = getattr(a, "X", 0) * 10
""",
    "from_import_in_circle_sees_old_value": """
=== main.py
import a
def entry(): return a.V, a.b.SEEN
=== a.py
V = 1
import b
V = 2
=== b.py
from a import V as SEEN
""",
    "import_failure_leaves_effects": """
=== main.py
from log import L
try:
    import broken
except ValueError:
    L.append("caught")
def entry(): return L
=== log.py
L = []
=== broken.py
import log
log.L.append("before")
def unused(): return 1
raise ValueError("no")
log.L.append("after")
""",
    "import_failure_in_deep_module": """
=== main.py
try:
    from deep import thing
except ImportError:
    thing = "fallback"
def entry(): return thing
=== deep.py
from deeper import nothing_there
thing = "real"
=== deeper.py
something = 1
""",
    "import_fallback_by_version": """
=== main.py
import sys
if sys.version_info >= (3, 8):
    from new import f
else:
    from old import f
def entry(): return f()
=== new.py
def f(): return "new"
=== old.py
def f(): return "old"
""",
    "module_name_reused_in_loop": """
=== main.py
total = 0
for i in range(4):
    total += i
    last = i
else:
    done = True
def entry(): return total, last, done, i
planted = 1
""",
    "for_over_program_generator": """
=== main.py
import g
for item in g.items():
    pass
def entry(): return g.LOG
=== g.py
LOG = []
def items():
    LOG.append("start")
    yield 1
    LOG.append("end")
""",
    "conditional_on_state_of_other": """
=== main.py
import conf, mode
def entry(): return mode.f()
=== conf.py
FLAGS = set()
import extra
=== extra.py
import conf
conf.FLAGS.add("fast")
=== mode.py
import conf
if "fast" in conf.FLAGS:
    def f(): return "fast"
else:
    def f(): return "slow"
""",
    "closure_changes_module_global": """
=== main.py
import m
def entry(): return m.total
=== m.py
total = 0
def adder():
    def add(n):
        global total
        total += n
    return add
add = adder()
for n in (1, 2, 3): add(n)
planted = 1
""",
    "exception_carries_state": """
=== main.py
import m
def entry(): return m.STATE
=== m.py
STATE = []
class E(Exception):
    def __init__(self, box):
        super().__init__()
        box.append("made")
def risky(): raise E(STATE)
try: risky()
except E as e: kept = e
""",
    "context_manager_exit_effect": """
=== main.py
import m
def entry(): return m.STATE
=== m.py
STATE = []
class C:
    def __enter__(self): STATE.append("in"); return self
    def __exit__(self, *a): STATE.append("out"); return True
with C() as c:
    raise ValueError
""",
    "class_instance_called_via_operator": """
=== main.py
import m
def entry(): return m.STATE
=== m.py
import operator, functools
STATE = []
class P:
    def __rshift__(self, other): STATE.append(other); return self
    def __matmul__(self, other): STATE.append(-other); return self
p = P()
p >> 1 >> 2
q = p @ 3
r = functools.reduce(operator.rshift, [4], p)
""",
    "star_import_chain_shadow": """
=== main.py
from top import *
def entry(): return value, other
=== top.py
from one import *
from two import *
other = value + "!"
=== one.py
value = "one"
planted = 1
=== two.py
value = "two"
""",
    "all_mutated": """
=== main.py
from lib import *
def entry(): return a(), _b(), "c" in globals()
=== lib.py
__all__ = ["a"]
def a(): return "a"
def _b(): return "b"
def c(): return "c"
__all__ += ["_b"]
__all__.append("c")
__all__.remove("c")
""",
    "all_filled_by_decorator": """
=== main.py
from lib import *
def entry(): return sorted(n for n in globals() if n in ("one", "two", "three")), one()
=== lib.py
__all__ = []
def export(f):
    __all__.append(f.__name__)
    return f
@export
def one(): return 1
@export
def two(): return 2
def three(): return 3
""",
    "name_rebound_by_star": """
=== main.py
x = 1
from lib import *
def entry(): return x
=== lib.py
x = 2
planted = 3
""",
    "del_then_star_then_conditional": """
=== main.py
from lib import *
del x
try:
    x
except NameError:
    x = "gone"
def entry(): return x
=== lib.py
x = 2
""",
    "import_binding_rebound": """
=== main.py
import lib
lib = lib.make()
def entry(): return lib.value
=== lib.py
class M: value = 5
def make(): return M()
def planted(): pass
""",
    "augmented_assignment_of_imported_attribute": """
=== main.py
import conf, bump
def entry(): return conf.LEVEL, conf.NAMES
=== conf.py
LEVEL = 1
NAMES = ["a"]
=== bump.py
import conf
conf.LEVEL += 10
conf.NAMES += ["b"]
conf.LEVEL <<= 1
""",
    "attribute_deleted_and_getattr_default": """
=== main.py
import conf, cut
def entry(): return getattr(conf, "LEVEL", "none"), hasattr(conf, "OTHER")
=== conf.py
LEVEL = 1
OTHER = 2
=== cut.py
import conf
del conf.LEVEL
""",
    "lambda_table_late_binding": """
=== main.py
FUNCS = [lambda: i for i in range(3)]
LATE = []
for k in "ab":
    LATE.append(lambda: k)
def entry(): return [f() for f in FUNCS], [f() for f in LATE]
""",
    "property_of_module_by_class": """
=== main.py
import lib
def entry(): return lib.dynamic, lib.plain
=== lib.py
import sys, types
plain = 1
class M(types.ModuleType):
    @property
    def dynamic(self): return self.plain + EXTRA
EXTRA = 10
sys.modules[__name__].__class__ = M
""",
    "frame_locals_registry": """
=== main.py
import m
def entry(): return m.HOOKS, m.K.names
=== m.py
import sys
def note(f):
    sys._getframe(1).f_locals.setdefault("HOOKS", []).append(f.__name__)
    return f
@note
def a(): pass
@note
def b(): pass
def collect(name): sys._getframe(1).f_locals.setdefault("names", []).append(name)
class K:
    collect("x")
    collect("y")
""",
    "inspect_stack_module_name": """
=== main.py
import reg, plug
def entry(): return reg.WHO
=== reg.py
import inspect
WHO = []
def here(): WHO.append(inspect.currentframe().f_back.f_globals["__name__"])
=== plug.py
import reg
reg.here()
""",
    "type_checking_really_true": """
=== main.py
from flags import TYPE_CHECKING
import flags
if TYPE_CHECKING:
    value = "on"
else:
    value = "off"
if flags.TYPE_CHECKING:
    other = "on"
else:
    other = "off"
def entry(): return value, other
=== flags.py
TYPE_CHECKING = True
""",
    "type_checking_set_in_module": """
=== main.py
TYPE_CHECKING = 1
if TYPE_CHECKING:
    from lib import f
def entry(): return f()
=== lib.py
def f(): return "f"
""",
    "dunder_name_rebound": """
=== main.py
import lib
def entry(): return lib.S
=== lib.py
S = []
__name__ = "__main__"
if __name__ == "__main__":
    S.append("ran")
""",
    "main_module_imported_by_stem": """
=== main.py
VALUE = 1
import helper
VALUE = 2
def entry(): return helper.peek(), helper.EARLY
=== helper.py
import main
EARLY = main.VALUE
def peek(): return main.VALUE
""",
}
