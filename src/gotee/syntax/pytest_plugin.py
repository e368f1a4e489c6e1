"""Lets pytest import keyword form, test files with its assertion rewriting. Host world; loaded by pytest.

Modules of the project under the root directory come through the import hook. Test files come through pytest's
own hook, whose one function that reads a file is given the rewritten text. pytest's cache of such a file is made
to never match: neither a later gotee nor a run without this plugin may find it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gotee import config
from gotee.syntax.hook import install, is_own_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

_KeyAndCode = tuple[Any, "CodeType"]  # the key is a hash of the source or, in older pytest, the file's status


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Install both hooks before the first conftest.py, until the end of this run; secured routines run inline."""
    root = early_config.rootpath
    before = config.default_tee("inline")
    early_config.add_cleanup(lambda: _restore(before))
    early_config.add_cleanup(install(root))
    rewriting = sys.modules.get("_pytest.assertion.rewrite")
    compile_test = getattr(rewriting, "_rewrite_test", None)
    if rewriting is None or compile_test is None:  # --assert=plain needs only the import hook
        return
    vars(rewriting)["_rewrite_test"] = _through_the_rewrite(compile_test, root)
    early_config.add_cleanup(lambda: vars(rewriting).update(_rewrite_test=compile_test))


def _restore(tee: str) -> None:
    config.default_tee(tee)


def _through_the_rewrite(
    compile_test: Callable[[Path, pytest.Config], _KeyAndCode], root: Path
) -> Callable[[Path, pytest.Config], _KeyAndCode]:
    def compile_keyword_test(path: Path, config: pytest.Config) -> _KeyAndCode:
        texts = _keyword_source(path) if is_own_source(root, os.fspath(path)) else None
        if texts is None:
            return compile_test(path, config)
        source, rewritten = texts
        from gotee.syntax.rewrite import show_as_written

        try:
            key, code = compile_test(_RewrittenPath.of(path, rewritten), config)
        except SyntaxError as error:
            show_as_written(error, source)
            raise
        return _key_of_nothing(key), code

    return compile_keyword_test


def _keyword_source(path: Path) -> tuple[str, bytes] | None:
    """A file's text and its plain form as the file would hold it, or None if there is no keyword form in it."""
    data = path.read_bytes()
    if b"gotee" not in data:
        return None
    from gotee.syntax._files import decode
    from gotee.syntax.rewrite import rewrite

    try:
        source, encoding = decode(data)
    except (SyntaxError, UnicodeDecodeError):
        return None  # Python says what is wrong with it
    rewritten = rewrite(source, os.fspath(path))
    return None if rewritten is source else (source, rewritten.encode(encoding))


class _RewrittenPath(type(Path())):  # type: ignore[misc]
    """A file whose content is the plain form of what is on the disk."""

    content: bytes

    @classmethod
    def of(cls, path: Path, content: bytes) -> _RewrittenPath:
        made = cls(path)
        made.content = content
        return made

    def read_bytes(self) -> bytes:
        return self.content


def _key_of_nothing(key: Any) -> Any:
    """A key of the same kind that no file has."""
    if isinstance(key, bytes):
        return bytes(len(key))
    return os.stat_result((*key[:6], -1, *key[7:]))  # its size
