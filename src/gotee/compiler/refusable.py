"""What trusted code asks of the host that the program's policy will refuse, as far as it can be seen. Host world.

`gotee check` prints it. A call is seen if its name is, and, where it matters, its path, mode or variable is a constant.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from gotee.boundary.policy import Place, Policy
from gotee.compiler.closure import Analysis
from gotee.compiler.findings import Finding, found
from gotee.compiler.program import Module
from gotee.compiler.refusable_network import refused_peer, socket_method
from gotee.compiler.scopes import walk
from gotee.enclave.missing import FILES, LINKS, REASONS

# By name: the mode that the path in the first argument needs; `list` and `folder` as the policy has them.
_PATHS = {
    **dict.fromkeys(
        ("os.remove", "os.unlink", "os.rmdir", "os.utime", "os.chmod", "os.truncate", "shutil.rmtree"), "w"
    ),
    **dict.fromkeys(("os.listdir", "os.scandir", "os.walk"), "list"),
    **dict.fromkeys(("os.mkdir", "os.makedirs"), "folder"),
    **dict.fromkeys(("os.stat", "os.lstat", "os.path.getsize", "os.path.getmtime", "os.readlink"), "look"),
    **dict.fromkeys(("os.path.exists", "os.path.lexists", "os.path.isfile", "os.path.isdir", "os.path.islink"), "look"),
}
_PATH_METHODS = {
    **dict.fromkeys(("read_text", "read_bytes"), "r"),
    **dict.fromkeys(("write_text", "write_bytes", "touch", "unlink", "rmdir", "chmod"), "w"),
    **dict.fromkeys(("iterdir", "glob", "rglob"), "list"),
    **dict.fromkeys(("mkdir",), "folder"),
    **dict.fromkeys(("stat", "lstat", "exists", "is_file", "is_dir"), "look"),
}
_TIMES = {
    *("time.time", "time.time_ns", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    "datetime.date.today",
}
_TIMES_OF_NOW = {"time.localtime": 0, "time.gmtime": 0, "time.ctime": 0, "time.strftime": 1}  # arguments that give one
_PROCESSES = {
    *("os.fork", "os.system", "os.popen", "os.forkpty", "os.posix_spawn", "os.posix_spawnp", "pty.spawn"),
    *("os.execv", "os.execve", "os.execl", "os.execlp", "os.execvp", "os.spawnl", "os.spawnv"),
    *("subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen"),
    *("subprocess.getoutput", "multiprocessing.Process", "multiprocessing.Pool", "multiprocessing.Queue"),
    *("concurrent.futures.ProcessPoolExecutor", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"),
}
_BUILTINS = ("open", "print", "input")
_ACCOUNTS = "accounts are the host's: ask outside, and send in what it says"
_ABSENT = {
    **{f"os.{name}": reason for reason, names in REASONS.items() for name in names},
    **dict.fromkeys(("pwd.getpwuid", "pwd.getpwnam", "grp.getgrgid", "grp.getgrnam"), _ACCOUNTS),
    **dict.fromkeys(("pathlib.Path.owner", "pathlib.Path.group"), _ACCOUNTS),
    **{f"pathlib.Path.{name}": LINKS for name in ("symlink_to", "hardlink_to")},
    "select.epoll": "there is select.poll, which selectors and asyncio then use: use it, too",
    **{f"fcntl.{name}": f"{FILES}: lock with threading.Lock, or outside" for name in ("flock", "lockf")},
}


class _Call(NamedTuple):
    """A call in trusted code, or a look at os.environ, with the name of what is called."""

    module: Module
    node: ast.expr
    name: str
    arguments: list[ast.expr]
    keywords: dict[str | None, ast.expr]


def refusals(analysis: Analysis, policy: Policy, home: Path, measured: Callable[[str], bool]) -> Iterator[Finding]:
    """GT407 and GT408. `home` is the program's folder; `measured` says whether a path below it is in the image."""
    for call in _calls(analysis):
        missing = _missing(call)
        if missing is not None:
            yield found(call.module, call.node, "GT408", *missing)
            continue
        for act, line in _refused(call, policy, home, measured):
            cure = f"put {line} into [tool.gotee.ocalls], or do it outside"
            yield found(call.module, call.node, "GT407", f"{act} is not in the policy and will be refused inside", cure)


# -- what is called ---------------------------------------------------------------------------------------


def _calls(analysis: Analysis) -> Iterator[_Call]:
    for module in analysis.graph.program.modules.values():
        for unit in analysis.graph.resolver.table(module).statements.units:
            if unit.is_import or ("unit", module.name, unit.index) not in analysis.fixpoint.kept:
                continue
            for node in walk(unit.node):
                if isinstance(node, ast.Call):
                    yield from _call(analysis, module, node)
                elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                    name = analysis.graph.purity.dotted(module, node.value)
                    yield _Call(module, node, name or "", [node.slice], {})


def _call(analysis: Analysis, module: Module, node: ast.Call) -> Iterator[_Call]:
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    name = analysis.graph.purity.dotted(module, node.func)
    binders = analysis.graph.resolver.table(module).binders
    if (method := socket_method(node)) is not None and not _root(node.func, binders):
        name = method
    if name is None and isinstance(node.func, ast.Name) and node.func.id in _BUILTINS:
        bound = binders.get(node.func.id)  # a star import of gotee binds none
        name = None if bound else f"builtins.{node.func.id}"
    if name is not None:
        yield _Call(module, node, name, node.args, keywords)
    elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
        made = node.func.value
        if analysis.graph.purity.dotted(module, made.func) == "pathlib.Path" and len(made.args) == 1:
            yield _Call(module, node, f"pathlib.Path.{node.func.attr}", [made.args[0], *node.args], keywords)


def _root(node: ast.expr, binders: Mapping[str, object]) -> bool:
    """Whether an attribute begins at a name that the module binds."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and bool(binders.get(node.id))


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


# -- what is said of it -----------------------------------------------------------------------------------


def _missing(call: _Call) -> tuple[str, str] | None:
    """Message and cure for what an enclave does not have."""
    first = _text(call.arguments[0]) if call.arguments else None
    if call.name in _PROCESSES:
        return (
            f"{call.name} does not work inside: an enclave is one process that runs what was measured",
            "run it outside, and send what it gives in; for work side by side, start routines with go()",
        )
    if call.name in _ABSENT:
        reason, _, cure = _ABSENT[call.name].partition(": ")
        return f"{call.name} does not work inside: {reason}", cure
    if call.name == "sqlite3.connect" and first is not None and "memory" not in first:
        return (
            f"SQLite opens {first!r} itself, which does not work inside",
            "connect to ':memory:', and move its contents with Connection.serialize and deserialize",
        )
    if call.name in ("ctypes.CDLL", "ctypes.cdll.LoadLibrary") and first is not None:
        return (
            f"the library {first!r} is loaded only if something in the image is linked to it",
            "use a package that is linked to it: its native files are measured",
        )
    return None


def _refused(call: _Call, policy: Policy, home: Path, measured: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """What is asked and not allowed, with the line that would allow it."""
    if call.name in ("os.environ", "os.getenv", "os.environ.get"):
        name = _text(call.arguments[0]) if call.arguments else None
        if name is not None and name not in policy.env:
            yield f"the environment variable {name}", policy.env_line(name)
    elif call.name in _TIMES or len(call.arguments) <= _TIMES_OF_NOW.get(call.name, -1):
        if not policy.time:
            yield f"the time of day ({call.name})", "time = true"
    elif call.name in ("builtins.print", "builtins.input"):
        if not policy.console and (call.name == "builtins.input" or "file" not in call.keywords):
            yield "the console", "console = true"
    else:
        yield from refused_peer(call.name, call.arguments, call.keywords, policy)
        mode = _mode(call)
        path = _text(call.arguments[0]) if call.arguments and mode else None
        if path and mode and "\0" not in path:
            yield from _refused_path(path, mode, policy, home, measured)


def _mode(call: _Call) -> str | None:
    """What the call needs of the path in its first argument; None if it needs none, or that is not seen."""
    kind, _, method = call.name.rpartition(".")
    if call.name in ("builtins.open", "io.open", "pathlib.Path.open"):
        given = call.keywords.get("mode", call.arguments[1] if len(call.arguments) > 1 else ast.Constant("r"))
        text = _text(given)
        if text is None:
            return None
        return "rw" if "+" in text else "r" if not set(text) & set("wax") else "w"
    return _PATH_METHODS.get(method) if kind == "pathlib.Path" else _PATHS.get(call.name)


def _refused_path(
    path: str, mode: str, policy: Policy, home: Path, measured: Callable[[str], bool]
) -> Iterator[tuple[str, str]]:
    whole = posixpath.normpath(posixpath.join(home.as_posix(), path))
    relative = posixpath.relpath(whole, home.as_posix())
    inside = not relative.startswith("..")
    if whole.startswith(("/memory/", "/program/", "/standard/", "/packages/")) or (inside and measured(relative)):
        return
    place = Place.of(relative if inside else whole)
    asked = {"look": policy.may_look, "list": policy.may_list, "folder": policy.may_make_folder}.get(mode)
    if not (policy.may(place, mode) if asked is None else asked(place)):
        acts = {"r": "reading", "w": "changing", "rw": "reading and writing", "look": "looking at", "list": "listing"}
        letters = {"look": "r", "list": "r", "folder": "w"}.get(mode, mode)
        yield f"{acts.get(mode, 'making the folder')} {place}", policy.file_line(str(place), letters)
