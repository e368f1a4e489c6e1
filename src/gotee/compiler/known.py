"""What is known of the language and the standard library: which calls only make a value, which state is shared.

Host world. Everything that is not listed is taken to have an effect: a missing entry costs precision, a wrong one
would make a slice that answers differently, so only what is plainly so is listed.
"""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import importlib
import inspect
import re
import sys
from encodings import aliases

# fmt: off
# Modules whose functions only compute: a call without effect on anything but its arguments.
_COMPUTING = [
    "__future__", "abc", "array", "ast", "base64", "binascii", "bisect", "cmath", "collections", "collections.abc",
    "colorsys", "contextlib", "contextvars", "copy", "dataclasses", "datetime", "difflib", "dis", "enum",
    "fractions", "functools", "graphlib", "hashlib", "heapq", "hmac", "html", "ipaddress", "itertools", "keyword",
    "math", "numbers", "operator", "os.path", "posixpath", "pprint", "queue", "re", "reprlib", "secrets",
    "statistics", "string", "struct", "textwrap", "time", "token", "tokenize", "traceback", "types", "typing",
    "typing_extensions", "unicodedata", "urllib.parse", "uuid", "weakref", "zlib",
]

# Shared state of the whole process: what touches it may change the answer of any code.
_AMBIENT = [
    "_thread", "atexit", "builtins", "codecs", "copyreg", "ctypes", "decimal", "encodings", "faulthandler", "gc",
    "gettext", "importlib", "linecache", "locale", "logging", "mimetypes", "multiprocessing", "os", "pkgutil",
    "random", "readline", "resource", "runpy", "shutil", "signal", "site", "socket", "subprocess", "sys",
    "tempfile", "threading", "tracemalloc", "unittest", "warnings", "zoneinfo", "asyncio", "inspect.currentframe",
    "inspect.stack", "inspect.trace", "inspect.getouterframes", "inspect.getinnerframes",
]

# Of the modules above: what only computes, or only reads what does not change.
_INERT = {
    "decimal.Decimal", "json.dumps", "json.loads", "io.StringIO", "io.BytesIO", "pathlib.PurePath",
    "pathlib.PurePosixPath", "pathlib.Path", "threading.Lock", "threading.RLock", "threading.Condition",
    "threading.Event", "threading.Semaphore", "threading.BoundedSemaphore", "threading.local", "threading.Barrier",
    "threading.get_ident", "asyncio.Lock", "asyncio.Event", "asyncio.Queue", "asyncio.Semaphore",
    "sys.version_info", "sys.version", "sys.platform", "sys.maxsize", "sys.byteorder", "sys.implementation",
    "sys.hexversion", "sys.float_info", "sys.executable", "sys.stdout.write", "sys.stderr.write",
    "sys.stdout.flush", "sys.intern", "sys.getsizeof", "sys.argv", "sys.exit", "os._exit", "os.abort", "os.sep",
    "os.linesep", "os.name", "os.getenv", "os.getcwd", "os.fspath", "os.getpid", "os.cpu_count", "os.environ.get",
    "os.urandom", "os.curdir", "os.pardir", "os.pathsep", "os.extsep", "os.altsep", "os.devnull", "os.PathLike",
    "os.fsencode", "os.fsdecode", "os.uname", "decimal.ROUND_HALF_UP", "decimal.ROUND_HALF_EVEN",
    "decimal.ROUND_DOWN", "decimal.ROUND_UP", "decimal.InvalidOperation", "decimal.DivisionByZero", "asyncio.sleep",
    "asyncio.CancelledError", "asyncio.TimeoutError", "logging.DEBUG", "logging.INFO", "logging.WARNING",
    "logging.ERROR", "logging.CRITICAL", "logging.Logger", "logging.NullHandler", "logging.Formatter",
    "importlib.resources.files", "importlib.metadata.version", "socket.AF_INET", "socket.SOCK_STREAM",
    "importlib.import_module", "random.Random", "random.SystemRandom", "decimal.Context",
}

# Calls that only make a value, but one that leads to shared state.
_PURE_BUT_SHARED = {"logging.getLogger", "decimal.getcontext", "sys.getrecursionlimit", "threading.current_thread"}

# Calls that run the code of annotations.
_EVALUATING = {f"{m}.{n}" for m in ("typing", "typing_extensions") for n in ("get_type_hints", "evaluate_forward_ref")}

# Calls of the above that import a module, whose statements may have effects.
_LOADING = {"importlib.import_module", "importlib.resources.files"}

# Calls that keep their arguments without calling them, so the arguments may be anything.
_KEEP_ARGUMENTS = {
    "functools.partial", "functools.wraps", "functools.lru_cache", "functools.cache", "functools.cached_property",
    "functools.singledispatch", "functools.partialmethod", "functools.singledispatchmethod", "functools.cmp_to_key",
    "collections.namedtuple", "dataclasses.dataclass", "dataclasses.field",
    "contextlib.contextmanager", "contextlib.asynccontextmanager", "abc.abstractmethod", "enum.auto", "enum.unique",
    "enum.nonmember", "enum.member", "re.compile", "functools.total_ordering", "contextvars.ContextVar",
    "operator.itemgetter", "operator.attrgetter", "operator.methodcaller", "types.SimpleNamespace",
    "types.MappingProxyType", "types.MethodType", "itertools.count", "itertools.repeat", "collections.defaultdict",
    "gotee.Chan", "gotee.public_error", "builtins.property", "builtins.staticmethod", "builtins.classmethod",
    "builtins.object", "builtins.super", "builtins.id", "builtins.callable", "builtins.lambda", "builtins.slice",
}

# Of these: what reads attributes of the function that it is given, or iterates over it; an object may run code then.
_LOOKS_AT_ARGUMENTS = {
    "functools.wraps", "functools.lru_cache", "functools.cache", "functools.cached_property", "functools.partial",
    "functools.singledispatch", "functools.partialmethod", "functools.singledispatchmethod",
    "collections.namedtuple", "collections.defaultdict", "contextlib.contextmanager", "contextlib.asynccontextmanager",
    "builtins.property", "builtins.staticmethod", "builtins.classmethod", "enum.unique", "types.MethodType",
    "typing.NamedTuple", "typing.TypedDict",
}

# Calls that mark or complete the function or class that they are given; as a decorator that is a new one.
_CHANGE_ARGUMENT = {
    "dataclasses.dataclass", "functools.total_ordering", "abc.abstractmethod", "abc.update_abstractmethods",
    "enum.global_enum", "types.coroutine", "typing.final", "typing.runtime_checkable", "typing.no_type_check",
    "typing.overload", "typing.override", "typing.dataclass_transform",
}

# Builtins that only compute when their arguments are plain values.
_COMPUTING_BUILTINS = {
    "abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "chr", "complex", "dict", "divmod",
    "enumerate", "float", "format", "frozenset", "hash", "hex", "int",
    "isinstance", "issubclass", "len", "list", "max", "min", "oct", "ord", "pow", "print", "range",
    "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "type", "memoryview", "zip",
} | {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)}
# fmt: on

# Modules that programs carry with them and whose dynamic imports are of the standard library only: name, and a text
# that tells them. If something of one is used, all of it stays.
_COMPATIBILITY = {"six": "_SixMetaPathImporter"}

_MUTATING = re.compile(
    r"^(heapq\._?(heap|merge)|bisect\.insort|struct\.pack_into|functools\.(reduce|update_wrapper)"
    r"|contextvars\.copy_context|enum\.(global_enum|.*\._convert_)"
    r"|operator\._*(setitem|delitem|call|i(add|and|concat|floordiv|lshift|matmul|mod|mul|or|pow|rshift|sub|truediv|xor))_*$"
    r"|weakref\.finalize|time\.(sleep|tzset)|re\.purge|array\.array\..|copy\.(copy|deepcopy)$"
    r"|types\.(new_class|prepare_class|FunctionType|CodeType)|typing(_extensions)?\.clear_overloads|.*\.register$)"
)

# fmt: off
_PLAIN_CLASS_MODULES = {
    "abc", "argparse", "ast", "base64", "builtins", "cmd", "codecs", "collections", "collections.abc",
    "configparser", "contextlib", "csv", "ctypes", "datetime", "dataclasses", "decimal", "email.message", "enum",
    "fractions", "functools", "html.parser", "http.server", "io", "ipaddress", "json", "json.decoder",
    "json.encoder", "logging", "numbers", "os", "pathlib", "pickle", "queue", "random", "socketserver", "string",
    "threading", "types", "typing", "unittest", "uuid", "weakref", "xml.sax", "urllib.request", "urllib.error",
    "http.client", "asyncio", "concurrent.futures", "ssl", "socket", "zipfile", "tarfile", "logging.handlers",
}
# fmt: on


def top(dotted: str) -> str:
    """The top-level package of a dotted name."""
    return dotted.partition(".")[0]


@functools.cache
def is_standard(dotted: str) -> bool:
    """Whether a dotted name is the interpreter's or the standard library's."""
    return top(dotted) in sys.stdlib_module_names or top(dotted) == "builtins"


def _within(dotted: str, modules: list[str]) -> bool:
    return any(dotted == module or dotted.startswith(module + ".") for module in modules)


def is_compatibility(name: str, source: str) -> bool:
    """Whether a module of the program is a copy of one that is known to import from the standard library only."""
    mark = _COMPATIBILITY.get(name.rpartition(".")[2])
    return mark is not None and mark in source


@functools.cache
def may_export(module: str, name: str) -> bool:
    """Whether `from module import *` may bind a name; module is none of the program."""
    if not is_standard(module) or top(module) in ("this", "antigravity", "idlelib", "test"):
        return True
    found = _imported(module)
    listed = getattr(found, "__all__", None)
    return found is None or (name in listed if listed is not None else hasattr(found, name) and name[0] != "_")


@functools.cache
def is_builtin(name: str) -> bool:
    """Whether a builtin is Python's. The program may run in this process, and have put others there."""
    value = getattr(builtins, name, None)
    own = getattr(value, "__module__", "") == "builtins" and getattr(value, "__name__", "") == name
    return own or name in ("None", "True", "False", "Ellipsis", "NotImplemented", "EnvironmentError", "IOError")


@functools.cache
def computes(dotted: str) -> bool:
    """Whether a name outside of the program, when called, only computes from plain arguments."""
    if dotted.startswith("builtins."):
        return dotted[9:] in _COMPUTING_BUILTINS or dotted in _KEEP_ARGUMENTS
    if _MUTATING.match(dotted) or _is_of_value(dotted):
        return False
    if dotted in _LOADING:
        return False
    known = dotted in _INERT or dotted in _PURE_BUT_SHARED or dotted in _KEEP_ARGUMENTS
    return known or _within(dotted, _COMPUTING)


def registers(dotted: str) -> bool:
    """Whether a name is the `register` of an abstract class of the standard library."""
    return dotted.endswith(".register") and _within(dotted, _COMPUTING)


def changes_argument(dotted: str) -> bool:
    """Whether a call that is no decorator changes what it is given."""
    return dotted in _CHANGE_ARGUMENT


@functools.cache
def _is_of_value(dotted: str) -> bool:
    """Whether a name of the standard library is an attribute of an object: `urllib.parse.uses_netloc.append`."""
    if not _within(dotted, _COMPUTING):
        return False
    parts = dotted.split(".")
    found: object = None
    for length, part in enumerate(parts[:-1], 1):
        if found is None or inspect.ismodule(found):
            name = ".".join(parts[:length])
            found = getattr(found, part, None) or _imported(name)
        else:
            found = getattr(found, part, None)
        if found is None:
            return False
    return not (inspect.ismodule(found) or inspect.isclass(found) or inspect.isroutine(found))


@functools.cache
def canonical(dotted: str) -> str:
    """A name of the standard library without a module that it goes through: `inspect.importlib.util` is another's."""
    parts = dotted.split(".")
    for length in range(2, len(parts) + 1):
        part = parts[length - 1]
        if part.lstrip("_") not in sys.stdlib_module_names or part == parts[0] or not is_standard(parts[0]):
            continue
        owner = _imported(".".join(parts[: length - 1]))
        found = getattr(owner, part, None)
        if inspect.ismodule(found) and top(found.__name__) != parts[0] and is_standard(found.__name__):
            if (found.__name__, parts[0]) == ("posixpath", "os"):
                return dotted
            return canonical(".".join([found.__name__, *parts[length:]]))
    return dotted


def _imported(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


@functools.cache
def keeps_arguments(dotted: str) -> bool:
    """Whether a call only keeps what it is given, whatever that is."""
    if dotted in _EVALUATING:
        return False
    return dotted in _KEEP_ARGUMENTS or _within(dotted, ["typing", "typing_extensions"]) or dotted in _PURE_BUT_SHARED


_CODEC_METHODS = {"encode": 0, "decode": 0, "str": 1, "bytes": 1, "bytearray": 1}
_CODECS = {*aliases.aliases, *aliases.aliases.values(), "utf_8_sig", "idna", "punycode", "unicode_escape"}
_ERRORS = {
    "strict", "ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace", "surrogateescape",
    "surrogatepass",
}  # fmt: skip


def uses_codec(call: ast.expr) -> bool:
    """Whether a call is `x.encode(...)` or `str(x, ...)` with a codec or an error handler that may be the program's."""
    if not isinstance(call, ast.Call):
        return False
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name not in _CODEC_METHODS:
        return False
    words = {word.arg: word.value for word in call.keywords}
    given = call.args[_CODEC_METHODS[name] :]
    encoding = given[0] if given else words.get("encoding")
    errors = given[1] if len(given) > 1 else words.get("errors")
    starred = None in words or any(isinstance(argument, ast.Starred) for argument in call.args)
    return starred or not (_is_standard_codec(encoding) and (errors is None or _text(errors) in _ERRORS))


def _is_standard_codec(node: ast.expr | None) -> bool:
    text = "utf-8" if node is None else _text(node)
    name = (text or "").lower().replace("-", "_").replace(" ", "_")
    return name in _CODECS  # not looked up: the program may run in this process, and have its own there


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def looks_at_arguments(dotted: str) -> bool:
    """Whether a call that keeps its arguments reads attributes of them, or iterates over them."""
    return dotted in _LOOKS_AT_ARGUMENTS


@functools.cache
def shares_state(dotted: str) -> bool:
    """Whether a use of a standard-library name may touch state of the whole process."""
    if dotted in _INERT or dotted.startswith("builtins.") or dotted == "builtins":
        return dotted == "builtins"
    return _within(dotted, _AMBIENT) and not _within(dotted, _COMPUTING)


@functools.cache
def touches_nothing(dotted: str) -> bool:
    """Whether calling or reading a name outside of the program leads to no state that others see."""
    inert = dotted in _INERT or _within(dotted, _COMPUTING) or dotted in _KEEP_ARGUMENTS
    return inert and not _MUTATING.match(dotted) and not _is_of_value(dotted)


def plain_base(dotted: str) -> bool:
    """Whether a class outside of the program can be derived from without effect: no hook, no special metaclass."""
    if dotted in ("typing.Generic", "typing.Protocol", "typing.NamedTuple", "typing.TypedDict", "gotee.Chan"):
        return True
    module, _, name = dotted.rpartition(".")
    if module not in _PLAIN_CLASS_MODULES:
        return False
    found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, type):
        return module == "typing"
    plain_kind = type(found) is type or type(found).__name__ == "ABCMeta" or isinstance(found, enum.EnumMeta)
    own_hook = any("__init_subclass__" in vars(base) for base in found.__mro__[:-1])
    return plain_kind and (not own_hook or module in ("typing", "enum"))


def plain_metaclass(dotted: str) -> bool:
    """Whether a metaclass outside of the program does nothing but make the class."""
    return dotted in ("abc.ABCMeta", "enum.EnumMeta", "enum.EnumType", "builtins.type")
