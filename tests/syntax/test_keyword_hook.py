"""Modules in keyword form: import, places in tracebacks, bytecode, and what stays outside of the hook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gotee.syntax.hook import KeywordFinder, install, install_for_main, is_own_source

from .conftest import Run

Write = Callable[[str, str], Path]

# Gives every module a `go` that calls at once and hands out the result, so that no runtime is needed.
PRELUDE = """\
import builtins, sys
from gotee.syntax.hook import install
builtins.go = lambda f, *a, **k: f(*a, **k)
uninstall = install(sys.path[0])
"""


def test_package_with_relative_imports_and_sources(write: Write, python: Run) -> None:
    write("pkg/__init__.py", "from .sub import y\n")
    write("pkg/sub.py", "import gotee\nfrom . import plain\ndef twice(x):\n    return x * 2\ny = go twice(plain.x)\n")
    write("pkg/plain.py", "x = 21\n")
    write(
        "main.py",
        PRELUDE
        + "import inspect, pkg\nprint(pkg.y, pkg.sub.__file__ == inspect.getfile(pkg.sub), pkg.sub.__package__)\n"
        "print(inspect.getsource(pkg.sub).splitlines()[-1])\n",
    )
    done = python("main.py")
    assert (done.stdout, done.stderr) == ("42 True pkg\ny = go twice(plain.x)\n", "")


def test_traceback_shows_the_line_as_written_with_exact_columns(write: Write, python: Run) -> None:
    write("mod.py", "import gotee\ndef f(x):\n    1 / x\nr = 1 + go   f(0)\n")
    write("main.py", PRELUDE + "import mod\n")
    error = python("main.py").stderr
    assert "    r = 1 + go   f(0)\n" in error
    assert "hook.py" not in error
    assert error.index("main.py") < error.index("mod.py")


def test_no_bytecode_is_written_for_keyword_form_and_ordinary_one_for_the_rest(write: Write, python: Run) -> None:
    write("keyword_form.py", "import gotee\ngo print(1)\n")
    write("plain_form.py", "import gotee\ngo(print, 2)\n")
    main = write("main.py", PRELUDE + "import keyword_form, plain_form\n")
    for _ in range(2):
        assert python("main.py").stdout == "1\n2\n"
    names = [path.name.split(".")[0] for path in (main.parent / "__pycache__").iterdir()]
    assert names == ["plain_form"]
    assert "SyntaxError" in python("-c", "import keyword_form").stderr


def test_module_changed_from_plain_to_keyword_form_is_read_anew(write: Write, python: Run) -> None:
    write("mod.py", "import gotee\ngo(print, 1)\n")
    write("main.py", PRELUDE + "import mod\n")
    assert python("main.py").stdout == "1\n"
    write("mod.py", "import gotee\ngo print(1 + 1)\n")
    assert python("main.py").stdout == "2\n"


def test_syntax_error_quotes_the_text_as_written(write: Write, python: Run) -> None:
    write("mod.py", "import gotee\ngo print(1) +\n")
    write("main.py", PRELUDE + "import mod\n")
    assert "    go print(1) +\n" in python("main.py").stderr


def test_after_uninstall_keyword_form_is_a_syntax_error(write: Write, python: Run) -> None:
    write("other/mod.py", "import gotee\ngo print(1)\n")
    write("sub/main.py", "import sys\nfrom gotee.syntax.hook import install\nroot = sys.path[0] + '/../other'\n"
          "uninstall = install(root)\nuninstall(); uninstall()\nsys.path.insert(0, root)\nimport mod\n")  # fmt: skip
    assert "SyntaxError" in python("sub/main.py").stderr


def test_import_of_gotee_alone_loads_no_tokenizer_for_plain_modules(write: Write, python: Run) -> None:
    write("mod.py", "x = 1\n")
    write("main.py", PRELUDE + "import mod\nprint('gotee.syntax.rewrite' in sys.modules)\n")
    assert python("main.py").stdout == "False\n"


def test_hook_for_main_serves_the_directory_of_the_program_once(write: Write, python: Run) -> None:
    write("mod.py", "import gotee\ngo print(1)\n")
    write(
        "main.py",
        "import builtins, sys\nbuiltins.go = lambda f, *a: f(*a)\n"
        "from gotee.syntax.hook import KeywordFinder, install_for_main\ninstall_for_main()\n"
        "install_for_main()\nimport mod\n"
        "print(sum(isinstance(f, KeywordFinder) for f in sys.meta_path))\n",
    )
    assert python("main.py").stdout == "1\n1\n"


def test_hook_for_main_of_a_package_serves_what_stands_beside_it(write: Write, python: Run) -> None:
    write("beside.py", "import gotee\ngo print(1)\n")
    write("app/inner/__init__.py", "")
    write(
        "app/inner/main.py",
        "import builtins\nbuiltins.go = lambda f, *a: f(*a)\nfrom gotee.syntax.hook import install_for_main\n"
        "install_for_main()\nimport beside\n",
    )
    done = python("-m", "app.inner.main")
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_hook_for_main_without_a_file_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    before = list(sys.meta_path)
    install_for_main()
    assert sys.meta_path == before


def test_only_the_programs_own_files_are_rewritten(tmp_path: Path) -> None:
    import json

    import gotee.syntax

    assert is_own_source(tmp_path, str(tmp_path / "a" / "b.py"))
    assert not is_own_source(tmp_path / "a", str(tmp_path / "ab.py"))
    assert not is_own_source(tmp_path, str(tmp_path / ".venv/lib/python3.11/site-packages/b.py"))
    assert not is_own_source("/", json.__file__)
    assert not is_own_source("/", gotee.syntax.__file__)


def test_finder_stands_before_pythons_and_behind_those_of_tools(tmp_path: Path) -> None:
    before = list(sys.meta_path)
    uninstall = install(tmp_path)
    try:
        added = [finder for finder in sys.meta_path if finder not in before]
        assert [type(finder) for finder in added] == [KeywordFinder]
        from importlib.machinery import PathFinder

        assert sys.meta_path.index(PathFinder) == sys.meta_path.index(added[0]) + 1
    finally:
        uninstall()
    assert sys.meta_path == before
