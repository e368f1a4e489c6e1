"""Runs a file as `__main__`, as `python FILE` would, through the keyword rewrite. Host world; called by cli."""

from __future__ import annotations

import os
import sys
from types import CodeType, ModuleType, TracebackType

from gotee.host import beside
from gotee.syntax._files import read_bytes
from gotee.syntax.hook import KeywordLoader, install

_HERE = os.path.dirname(os.path.abspath(__file__))


def run_file(path: str, argv: list[str]) -> None:
    """Run the source file at `path` with `argv` as its arguments; returns when its last line is done.

    The file sees what `python FILE` shows it: `sys.argv`, its own directory first on `sys.path`, itself as
    `__main__`. It and the modules beside it may use the keyword form. What it raises comes out here, SystemExit
    too, and if that ends the process the traceback shows the program's frames only. The process is the program's
    from here on: nothing is put back. Raises GoteeError for a missing or unreadable file or a directory,
    CompileError for a malformed keyword form.
    """
    data = read_bytes(path)
    file = os.path.abspath(path)
    directory = os.path.dirname(os.path.realpath(path))
    sys.argv = [path, *argv]
    if not sys.flags.safe_path:
        sys.path[:1] = [directory]
        beside.give_way(directory)
    install(directory)
    loader = KeywordLoader("__main__", file)
    module = _new_main(file, loader)
    code: CodeType | None = None
    try:
        code = loader.source_to_code(data, file)
        exec(code, module.__dict__)  # noqa: S102 - the program itself
    except BaseException:
        _hide_own_frames(code)
        raise


def _new_main(file: str, loader: KeywordLoader) -> ModuleType:
    module = ModuleType("__main__")
    module.__file__ = file
    module.__loader__ = loader
    module.__package__ = None
    module.__spec__ = None
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    module.__dict__["__cached__"] = None
    sys.modules["__main__"] = module  # pickle, dataclasses and typing look there
    return module


def _hide_own_frames(main: CodeType | None) -> None:
    """Let the traceback that is printed at the end begin in the program.

    Called when the program has failed, so that a `sys.excepthook` of its own gets the short traceback too.
    """
    show = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        seen: set[int] = set()
        pending: list[BaseException | None] = [error]
        while pending:
            one = pending.pop()
            if one is not None and id(one) not in seen:
                seen.add(id(one))
                one.__traceback__ = _program_frames(one.__traceback__, main)
                pending += [one.__cause__, one.__context__]
        show(kind, error, error.__traceback__)

    sys.excepthook = excepthook


def _program_frames(trace: TracebackType | None, main: CodeType | None) -> TracebackType | None:
    """The traceback from the program's first line on, without the import machinery on the way."""
    start = trace
    while start is not None and start.tb_frame.f_code is not main:
        start = start.tb_next
    if start is None and not _from_command(trace):
        start = trace  # an error made in another place, such as a cause that was raised in a thread
    kept: list[TracebackType] = []
    while start is not None:
        if not _is_machinery(start.tb_frame.f_code.co_filename):
            kept.append(start)
        start = start.tb_next
    follow: TracebackType | None = None
    for one in reversed(kept):
        one.tb_next = follow
        follow = one
    return follow


def _from_command(trace: TracebackType | None) -> bool:
    while trace is not None:
        if trace.tb_frame.f_code is run_file.__code__:
            return True
        trace = trace.tb_next
    return False


def _is_machinery(filename: str) -> bool:
    return filename.startswith("<frozen importlib") or os.path.dirname(filename) == _HERE
