"""Tiny programs whose import-time code changes state that other code reads. Each has main:entry; see test_slices."""

CASES = {
    "decimal_context": """
=== main.py
import setup
from decimal import Decimal
def entry(): return str(Decimal(1) / 3)
=== setup.py
import decimal
decimal.getcontext().prec = 5
""",
    "decimal_context_by_variable": """
=== main.py
import setup
from decimal import Decimal
def entry(): return str(Decimal(1) / 3)
=== setup.py
from decimal import getcontext
ctx = getcontext()
ctx.prec = 4
""",
    "random_seed": """
=== main.py
import setup
import random
def entry(): return random.random()
=== setup.py
from random import seed
seed(42)
""",
    "random_consumed": """
=== main.py
import random
random.seed(1)
unused = random.random()
def entry(): return random.random()
""",
    "random_in_unused_constant": """
=== main.py
import random
random.seed(1)
TOKENS = [random.randint(0, 9) for _ in range(3)]
def entry(): return random.random()
""",
    "os_environ": """
=== main.py
import setup, os
def entry(): return os.environ.get("GOTEE_CASE")
=== setup.py
import os
os.environ["GOTEE_CASE"] = "on"
""",
    "os_environ_setdefault_by_alias": """
=== main.py
import setup, os
def entry(): return os.getenv("GOTEE_CASE2")
=== setup.py
from os import environ as env
env.setdefault("GOTEE_CASE2", "yes")
""",
    "logging_configuration": """
=== main.py
import setup, logging
def entry(): return logging.getLogger("x").getEffectiveLevel()
=== setup.py
import logging
logging.getLogger().setLevel(17)
""",
    "logging_by_variable": """
=== main.py
import setup, logging
def entry(): return logging.getLogger("shop").level, len(logging.getLogger("shop").handlers)
=== setup.py
import logging
log = logging.getLogger("shop")
log.setLevel(13)
log.addHandler(logging.NullHandler())
""",
    "logging_level_name": """
=== main.py
import logging, setup
def entry(): return logging.getLevelName(25)
=== setup.py
import logging
logging.addLevelName(25, "NOTICE")
""",
    "warnings_filter": """
=== main.py
import setup, warnings
def entry():
    try:
        warnings.warn("x", UserWarning)
    except UserWarning:
        return "raised"
    return "quiet"
=== setup.py
import warnings
warnings.simplefilter("error")
""",
    "recursion_limit": """
=== main.py
import setup, sys
def entry(): return sys.getrecursionlimit()
=== setup.py
import sys
sys.setrecursionlimit(4321)
""",
    "builtins_name": """
=== main.py
import setup
def entry(): return shout("a")
=== setup.py
import builtins
def shout(x): return x.upper() + MARK
MARK = "!"
builtins.shout = shout
""",
    "builtins_replaced": """
=== main.py
import setup
def entry(): return len([1, 2])
=== setup.py
import builtins
old = builtins.len
builtins.len = lambda x: old(x) + 100
""",
    "builtins_through_dunder": """
=== main.py
import setup
def entry(): return magic()
=== setup.py
b = __builtins__
(b if isinstance(b, dict) else vars(b))["magic"] = lambda: 5
""",
    "standard_library_patched": """
=== main.py
import setup, json
def entry(): return json.dumps({"a": 1})
=== setup.py
import json
def dumps(x): return "patched"
json.dumps = dumps
""",
    "standard_library_class_patched": """
=== main.py
import setup
from collections import OrderedDict, Counter
def entry(): return Counter("aab").most_common()
=== setup.py
from collections import Counter as C
alias = C
alias.most_common = lambda self, n=None: "patched"
""",
    "standard_library_object_patched_by_function": """
=== main.py
import setup
import json
def entry(): return json.JSONEncoder().item_separator
=== setup.py
import json
def change(cls): cls.item_separator = ";"
change(json.JSONEncoder)
""",
    "copyreg": """
=== main.py
import setup, copy
from thing import Thing
def entry(): return copy.copy(Thing(1)).v
=== thing.py
class Thing:
    def __init__(self, v): self.v = v
=== setup.py
import copyreg
from thing import Thing
def rebuild(v): return Thing(v + BONUS)
BONUS = 100
copyreg.pickle(Thing, lambda t: (rebuild, (t.v,)))
""",
    "codecs": """
=== main.py
import setup, codecs
def entry(): return "abc".encode("shift1")
=== setup.py
import codecs
def search(name): return codecs.CodecInfo(enc, None, name=name) if name == "shift1" else None
def enc(text, errors="strict"): return bytes(ord(c) + 1 for c in text), len(text)
codecs.register(search)
""",
    "codecs_error_handler": """
=== main.py
import setup
def entry(): return "a\\u20acb".encode("ascii", "mine")
=== setup.py
import codecs
codecs.register_error("mine", lambda e: ("<?>", e.end))
""",
    "locale_numeric": """
=== main.py
import setup, locale
def entry(): return locale.setlocale(locale.LC_ALL)
=== setup.py
import locale
locale.setlocale(locale.LC_ALL, "C")
""",
    "context_variable": """
=== main.py
import contextvars
var = contextvars.ContextVar("v", default=0)
token = var.set(8)
def entry(): return var.get()
""",
    "threading_local_filled": """
=== main.py
import threading
loc = threading.local()
loc.x = 5
def entry(): return loc.x
""",
    "thread_run_at_import": """
=== main.py
import threading
OUT = []
t = threading.Thread(target=lambda: OUT.append(value()))
t.start()
t.join()
def value(): return 3
def entry(): return OUT
""",
    "json_default_encoder_class_attribute": """
=== main.py
import enc, json
def entry(): return json.dumps(enc.Point(1))
=== enc.py
import json
class Point:
    def __init__(self, x): self.x = x
def default(self, o): return {"x": o.x}
json.JSONEncoder.default = default
""",
    "sys_path_hook": """
=== main.py
import setup
import virtual
def entry(): return virtual.answer
=== setup.py
import sys, importlib.abc, importlib.machinery
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "virtual" else None
    def create_module(self, spec): return None
    def exec_module(self, module): module.answer = 42
sys.meta_path.insert(0, Finder())
""",
    "module_put_in_sys_modules": """
=== main.py
import setup
import made
def entry(): return made.f()
=== setup.py
import sys, types
m = types.ModuleType("made")
def f(): return "made"
m.f = f
sys.modules["made"] = m
""",
    "file_written_at_import": """
=== main.py
import os, tempfile
PATH = os.path.join(tempfile.gettempdir(), "gotee-case-%d" % os.getpid())
with open(PATH, "w") as f:
    f.write("text")
def entry():
    with open(PATH) as f: text = f.read()
    os.unlink(PATH)
    return text
""",
    "global_in_called_function": """
=== main.py
import state
def entry(): return state.value()
=== state.py
CURRENT = None
def init(v):
    global CURRENT, EXTRA
    CURRENT = v
    EXTRA = v * 2
init(4)
def value(): return CURRENT, EXTRA
""",
    "global_only_bound_by_function": """
=== main.py
def setup():
    global LATE
    LATE = make()
def make(): return 3
setup()
def entry(): return LATE
""",
    "global_import_in_function": """
=== main.py
def setup():
    global ops
    import ops
setup()
def entry(): return ops.f()
=== ops.py
def f(): return g()
def g(): return 9
def planted(): return 0
""",
    "while_loop": """
=== main.py
TABLE = []
n = 0
while n < 3:
    TABLE.append(n)
    n += 1
def entry(): return TABLE, n
""",
    "for_else": """
=== main.py
FLAG = []
for i in range(2):
    pass
else:
    FLAG.append("else")
def entry(): return FLAG
""",
    "try_except_finally": """
=== main.py
LOG = []
try:
    LOG.append("try")
    raise ValueError("v")
except ValueError as e:
    LOG.append(str(e))
else:
    LOG.append("else")
finally:
    LOG.append("finally")
def entry(): return LOG
""",
    "match_statement": """
=== main.py
LOG = {}
match {"k": [1, 2], "z": 3}:
    case {"k": [a, *rest], **others}:
        LOG["got"] = (a, rest, others)
def entry(): return LOG, a
""",
    "match_class_pattern_has_effect": """
=== main.py
class M(type):
    log = []
    def __instancecheck__(cls, o): M.log.append("check"); return False
class K(metaclass=M): pass
match 3:
    case K(): r = 1
    case _: r = 2
def entry(): return M.log
""",
    "with_statement": """
=== main.py
STACK = []
class CM:
    def __enter__(self): STACK.append("in"); return self
    def __exit__(self, *a): STACK.append("out"); return True
with CM() as cm:
    raise ValueError
def entry(): return STACK
""",
    "walrus_at_top_level": """
=== main.py
LOG = []
if (m := LOG.append("x")) is None:
    k = 4
[last := v for v in (1, 2, 3)]
def entry(): return LOG, last
""",
    "nested_unpacking": """
=== main.py
class It:
    seen = []
    def __iter__(self): It.seen.append(1); return iter((1, (2, 3)))
a, (b, c) = It()
def entry(): return It.seen
""",
    "augmented_alias": """
=== main.py
A = [1]
B = A
B += [2]
def entry(): return A
""",
    "augmented_attribute": """
=== main.py
class N: total = 1
N.total += 5
N.total *= 2
def entry(): return N.total
""",
    "del_item": """
=== main.py
T = {"a": 1, "b": 2}
del T["a"]
def entry(): return T
""",
    "del_attribute_of_class": """
=== main.py
class C:
    x = 1
    y = 2
del C.x
def entry(): return hasattr(C, "x")
""",
    "chained_assignment_to_items": """
=== main.py
A = {}
B = {}
x = A["k"] = B["j"] = [1]
x.append(2)
def entry(): return A, B
""",
    "slice_assignment": """
=== main.py
L = [1, 2, 3]
M = L
M[:1] = [9, 9]
def entry(): return L
""",
    "import_order_between_modules": """
=== main.py
import b
import a
from log import LOG
def entry(): return LOG
=== log.py
LOG = []
=== a.py
import log
log.LOG.append("a")
=== b.py
import log, a
log.LOG.append("b")
""",
    "import_order_reads_state": """
=== main.py
import first
import snap
import second
def entry(): return snap.SNAP, snap.COUNT
=== st.py
S = []
=== first.py
import st
st.S.append(1)
=== second.py
import st
st.S.append(2)
=== snap.py
from st import S
SNAP = list(S)
COUNT = len(S)
""",
    "import_order_through_unneeded_module": """
=== main.py
import host
import second
import snap
def entry(): return snap.SNAP
=== st.py
S = []
=== host.py
import snap
def planted(): return 1
=== second.py
import st
st.S.append(2)
=== snap.py
import st
SNAP = list(st.S)
""",
    "name_rebound_later": """
=== main.py
def f(): return 1
g = f
def f(): return 2
def entry(): return g(), f()
""",
    "rebound_conditionally": """
=== main.py
import flags
LIMIT = 1
if flags.ON:
    LIMIT = 2
def entry(): return LIMIT
=== flags.py
ON = False
ON = not ON
""",
    "lambda_table": """
=== main.py
OPS = {}
def op(name): return lambda f: OPS.setdefault(name, f)
op("add")(lambda a, b: a + b)
op("neg")(lambda a: -a + OFF)
OFF = 1
def entry(): return OPS["add"](1, 2), OPS["neg"](3)
""",
    "comprehension_with_effect": """
=== main.py
LOG = []
_ = [LOG.append(i) for i in range(3)]
def entry(): return LOG
""",
    "any_with_effect": """
=== main.py
LOG = []
def add(x): LOG.append(x); return False
ok = any(add(i) for i in range(3))
def entry(): return LOG
""",
    "assert_with_effect": """
=== main.py
LOG = []
assert LOG.append(1) is None
def entry(): return LOG
""",
    "map_consumed": """
=== main.py
LOG = []
def note(x): LOG.append(x)
lazy = map(note, [1, 2])
list(lazy)
def entry(): return LOG
""",
    "sorted_with_key_effect": """
=== main.py
LOG = []
def key(x): LOG.append(x); return x
ORDER = sorted([2, 1], key=key)
def entry(): return LOG
""",
    "class_body_runs_code": """
=== main.py
LOG = []
class Unused:
    LOG.append("body")
    for i in range(2):
        LOG.append(i)
def entry(): return LOG
""",
    "class_reads_global_shadowed_in_body": """
=== main.py
x = 5
class C:
    x = x + 1
    y = [x for _ in (1,)]
def entry(): return C.x, C.y
""",
    "default_argument_with_effect": """
=== main.py
LOG = []
def note(x): LOG.append(x); return x
def unused(a=note(1), *, b=note(2)): return a
def entry(): return LOG
""",
    "annotation_with_effect": """
=== main.py
LOG = []
def note(x): LOG.append(x); return int
def unused(a: note("arg")) -> note("ret"): return a
v: note("var") = 1
def entry(): return LOG
""",
    "print_to_buffer": """
=== main.py
import io
BUF = io.StringIO()
print("hello", file=BUF)
def entry(): return BUF.getvalue()
""",
    "conditional_exit_in_function": """
=== main.py
import sys
REG = {}
def setup():
    if len(REG) > 100: sys.exit(1)
    REG["a"] = 1
setup()
def entry(): return REG
""",
    "atexit_registration": """
=== main.py
import atexit, hooks
def entry(): return 1
=== hooks.py
import atexit
def bye(): print("bye", NAME)
NAME = "x"
atexit.register(bye)
""",
    "unused_cluster_stays_outside": """
=== main.py
planted_REG = {}
def planted_register(f): planted_REG[f.__name__] = f; return f
@planted_register
def planted_a(): return 1
class planted_B(Exception): pass
planted_total = sum([1, 2])
planted_alias = planted_B
def entry(): return 1
""",
}
