"""What only the host runs stays outside; what trusted code would lose by that is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from gotee.cli import main as gotee
from gotee.compiler.partition import Partition
from gotee.compiler.remembered import partition
from gotee.errors import CompileError

HEAD = "import sys, threading, asyncio\nfrom gotee import Chan, go, gosecure, select\n"
ENTRY = "def add(a, b):\n    return a + b + BASE + len(BASES)\nBASE = 1\nBASES = []\n"


def partition_of(folder: Path, source: str, **files: str) -> Partition:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    file = folder / "app.py"
    file.write_text(HEAD + ENTRY + source)
    return partition(file)


def inside(trusted: Partition, module: str = "app") -> str:
    return str(trusted.modules[module]["source"])


@pytest.mark.parametrize(
    "statement",
    [
        "gosecure(add, 1, 2)",
        "routine = gosecure(add, 1, 2)",
        "print(gosecure(add, 1, 2).result())",
        "def main():\n    gosecure(add, 1, 2)\nmain()",
        "async def main():\n    await gosecure(add, 1, 2)\nasyncio.run(main())",
        "def main():\n    return gosecure(add, 1, 2)\nthreading.Thread(target=main).start()",
        "class App:\n    def run(self):\n        gosecure(add, 1, 2)\nApp().run()",
        "class App:\n    def run(self):\n        gosecure(add, 1, 2)\napp = App()\napp.run()",
        "def main():\n    gosecure(add, 1, 2)\ndef call(f):\n    f()\ncall(main)",
        "CH = Chan()\ndef main():\n    gosecure(add, 1, 2)\n    CH.send(1)\nfor i in range(2):\n    CH.send(i)",
        "gosecure(add, 1, 2)\nsys.exit(0)",
        "def main():\n    gosecure(add, 1, 2)\ntry:\n    main()\nexcept KeyboardInterrupt:\n    pass\n",
        "r = gosecure(add, 1, 2)\nprint(r.result())",
        "main = lambda: gosecure(add, 1, 2)\nagain = main\nagain()\n(lambda: gosecure(add, 1, 2))()",
        "print(list(map(lambda i: gosecure(add, i, 2).result(), [1])))",
        "def main(): gosecure(add, len(BASES), 2)\nT = {'x': main}\nT['x']()\nT.get('x')()\nBASES.append(1)",
        "from functools import partial\nrun = partial(gosecure, add)\nprint(run(1, 2).result())",
        "class Token:\n    value = gosecure(add, 1, 2).result()\ndef f(x=gosecure(add, 1, 2)):\n    pass",
        "C: Chan[int] = Chan[int](1)\ngosecure(add, 1, 2)\nprint(list(C), sum(x for x in C))",
        "def a():\n    b()\n    gosecure(add, 1, 2)\ndef b():\n    a()\nif BASES:\n    a()\nb()",
        "class App:\n    def run(self):\n        BASES.append(gosecure(add, 1, 2))\n"
        "class Other(App):\n    def stop(self):\n        pass\nother = Other()\nother.run()",
    ],
)
def test_what_starts_routines_at_import_is_left_out_and_recorded(tmp_path: Path, statement: str) -> None:
    trusted = partition_of(tmp_path, statement + "\n")
    text = inside(trusted)
    assert "gosecure(" not in text
    assert "main()" not in text.replace("def main()", "")
    assert "sys.exit" not in text
    assert trusted.host_only
    assert trusted.definitions == ["app:BASE", "app:BASES", "app:add"]


def test_lines_stay_where_they_are(tmp_path: Path) -> None:
    trusted = partition_of(tmp_path, "gosecure(\n    add,\n    1, 2,\n)\nLATE = 3\n")
    original = (tmp_path / "app.py").read_text()
    assert len(inside(trusted).splitlines()) <= len(original.splitlines())
    assert inside(trusted).splitlines()[2] == original.splitlines()[2]


def test_trusted_code_that_reads_a_host_only_name_is_an_error_with_a_place(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        partition_of(tmp_path, "BASE = gosecure(add, 1, 2).result()\n")
    assert caught.value.code == "GT310"
    assert "BASE" in str(caught.value)
    assert caught.value.lineno is not None
    assert caught.value.cure


def test_a_statement_that_may_end_the_process_and_changes_trusted_state_is_an_error(tmp_path: Path) -> None:
    source = "TABLE = {}\ndef setup():\n    if len(TABLE) > 9:\n        sys.exit(1)\n    TABLE['a'] = 1\nsetup()\n"
    source += "def read():\n    return TABLE\ndef main():\n    gosecure(read)\n"
    with pytest.raises(CompileError) as caught:
        partition_of(tmp_path, source)
    assert caught.value.code == "GT311"


UNSEEN = {
    "methods of one name": """
class App:
    def run(self, other): gosecure(add, 1, 2)
class Table:
    def run(self, other): BASES.append(other)
def make(): return Table(), App()
table, app = make()
table.run(app)
""",
    "functions of one table": """
TABLE = {}
def on(name):
    def mark(f):
        TABLE[name] = f
        return f
    return mark
def fire(name): return TABLE[name]()
@on("host")
def host(): return gosecure(add, 1, 2)
@on("inside")
def inside(): BASES.append(1)
fire("inside")
""",
}


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_may_start_routines_or_change_trusted_state_is_refused(tmp_path: Path, kind: str) -> None:
    source = UNSEEN[kind] + "if __name__ == '__main__':\n    gosecure(add, 1, 2)\n"
    with pytest.raises(CompileError) as caught:
        partition_of(tmp_path, source + "def use(): return fire('inside')\ndef main(): gosecure(use)\n")
    assert caught.value.code == "GT312"


@pytest.mark.parametrize(
    ("how", "call"),
    [
        ("from compat import secure", "secure(add, 1, 2)"),
        ("import compat", "compat.secure(add, 1, 2)"),
        ("from compat import *\nrun = secure", "run(add, 1, 2)"),
        ("from functools import partial", "partial(gosecure, add)"),
        ("plus = add", "gosecure(plus, 1, 2)"),
    ],
)
def test_an_entry_is_found_however_gosecure_is_spelled(tmp_path: Path, how: str, call: str) -> None:
    compat = "from gotee import gosecure as secure\nimport app\n"  # in a circle
    trusted = partition_of(tmp_path, f"{how}\ndef main():\n    {call}\n", compat=compat)
    assert trusted.entries == [("app", "add")]


def test_a_main_file_may_lie_in_a_folder_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "secret.py").write_text("def sign(m):\n    return m\ndef unused():\n    pass\n")
    (tmp_path / "core" / "app.py").write_text(
        "import os, sys\nsys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))\n"
        "from core.secret import sign\nfrom gotee import gosecure\nprint(gosecure(sign, 1).result())\n"
    )
    trusted = partition(tmp_path / "core" / "app.py")
    assert trusted.entries == [("core.secret", "sign")]
    assert trusted.definitions == ["core.secret:sign"]
    assert trusted.root == tmp_path


def test_a_function_registered_with_the_web_framework_of_the_host_stays_outside(tmp_path: Path) -> None:
    source = "from web import app\n@app.route('/')\ndef index():\n    return gosecure(add, 1, 2).result()\n"
    web = "class App:\n    def route(self, path):\n        return lambda f: f\napp = App()\n"
    trusted = partition_of(tmp_path, source, web=web)
    assert sorted(trusted.modules) == ["app"]


def test_making_a_channel_is_not_host_only(tmp_path: Path) -> None:
    trusted = partition_of(
        tmp_path, "CH = Chan[int](2)\ndef use():\n    return len(CH)\ndef main():\n    gosecure(use)\n"
    )
    assert "app:CH" in trusted.definitions


def test_a_generator_that_is_sent_values_is_not_a_channel(tmp_path: Path) -> None:
    source = (
        "LOG = []\ndef gen():\n    while True:\n        LOG.append((yield))\ng = gen()\ng.send(None)\ng.send(4)\n"
        "def read():\n    return LOG\ndef main():\n    gosecure(read)\n"
    )
    assert "g.send(4)" in inside(partition_of(tmp_path, source))


def test_why_prints_the_chain_to_an_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    partition_of(tmp_path, "REG = {}\ndef unused():\n    pass\nif __name__ == '__main__':\n    gosecure(add, 1, 2)\n")
    assert gotee(["why", "BASE", str(tmp_path / "app.py")]) == 0
    said = capsys.readouterr().out
    assert "app:BASE is inside" in said
    assert said.endswith("  <- app:add, an entry: gosecure in app line 11\n")
    assert gotee(["why", "--not", "unused", str(tmp_path / "app.py")]) == 0
    assert "nothing that stays uses it" in capsys.readouterr().out
    assert gotee(["why", "unused", str(tmp_path / "app.py")]) == 1


def test_slice_refuses_with_the_diagnostic_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.py").write_text("def f(x):\n    return eval(x)\n")
    assert gotee(["slice", str(tmp_path), "m:f"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "GT302" in captured.err
    assert "^^^^" in captured.err
    assert "cure:" in captured.err


def test_slice_prints_one_definition_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.py").write_text(
        "import os\nK = 1\ndef g():\n    return K\ndef f():\n    return g()\ndef other():\n    pass\n"
    )
    assert gotee(["slice", str(tmp_path), "m:f"]) == 0
    assert capsys.readouterr().out.split() == ["m:K", "m:f", "m:g"]


def test_third_party_and_standard_library_are_recorded(tmp_path: Path) -> None:
    source = (
        "import json\nimport pytest\n"
        "try:\n    import surely_not_there_xyz as fast\nexcept ImportError:\n    fast = None\n"
        "def use():\n    return json.dumps([pytest.__version__, fast is None])\ndef main():\n    gosecure(use)\n"
    )
    outside = partition_of(tmp_path, source).outside
    assert "json" in outside.standard
    assert outside.distributions == {"pytest": ["pytest"]}
    assert outside.absent == ["surely_not_there_xyz"]
