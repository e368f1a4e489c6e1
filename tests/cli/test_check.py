"""`gotee check`, `interface` and `tcb`: what fires, what does not, and in which form it is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gotee.cli import main

from .conftest import ROOT, Gotee, environment

GUARD = "\nif __name__ == '__main__':\n    main()\n"


Capture = pytest.CaptureFixture[str]


def findings(capsys: Capture, folder: Path, source: str, **files: str) -> list[dict[str, Any]]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "app.py").write_text("from gotee import *\n" + source + GUARD)
    main(["check", str(folder / "app.py"), "--format", "json"])
    said = capsys.readouterr()
    assert said.err == ""
    return list(json.loads(said.out)["findings"])


def codes(capsys: Capture, folder: Path, source: str, **files: str) -> list[str]:
    return [each["code"] for each in findings(capsys, folder, source, **files)]


MAIN = "def main() -> None:\n    gosecure(f, 1)\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(x: int) -> int:\n    return x\n" + MAIN, []),
        ("def f(x) -> int:\n    return x\n" + MAIN, ["GT402"]),
        ("def f(x: int):\n    return x\n" + MAIN, ["GT402"]),
        ("N = 1\ndef f(x: int) -> int:\n    return N\ndef main() -> None:\n    global N\n    N = 2\n    gosecure(f, 1)\n", ["GT401"]),  # noqa: E501
        ("L = []\ndef f(x: int) -> int:\n    return len(L)\ndef main() -> None:\n    L.append(1)\n    gosecure(f, 1)\n", ["GT401"]),  # noqa: E501
        ("D = {}\ndef f(x: int) -> int:\n    return len(D)\ndef main() -> None:\n    D[1] = 2\n    gosecure(f, 1)\n", ["GT401"]),  # noqa: E501
        ("N = 1\ndef f(x: int) -> int:\n    return N\ndef main() -> None:\n    print(N)\n    gosecure(f, 1)\n", []),
        ("N = 1\ndef f(x: int) -> int:\n    return N\ndef main() -> None:\n    N = 2\n    gosecure(f, N)\n", []),
        ("C = Chan[int]()\ndef f(x: int) -> int:\n    return C.recv()\ndef main() -> None:\n    gosecure(f, 1)\n    C.send(1)\n", ["GT405"]),  # noqa: E501
        (
            "def f(c: Chan[int]) -> int:\n    return 1\ndef g(c: Chan[int]) -> int:\n    return 1\n"
            "def main() -> None:\n    c = Chan[int]()\n    gosecure(f, c)\n    gosecure(g, c)\n",
            ["GT404"],
        ),
        (
            "def f(c: Chan[int]) -> int:\n    return 1\n"
            "def main() -> None:\n    c = Chan[int]()\n    gosecure(f, c)\n    c.send(1)\n",
            [],
        ),
        ("KEY = 'AKIAIOSFODNN7EXAMPLE'\ndef f(x: int) -> int:\n    return x\n" + MAIN, ["GT403"]),
        ("secret_key = 'f3Kq9vZx1Lm7Tw2Rb8Yc'\ndef f(x: int) -> int:\n    return x\n" + MAIN, ["GT403"]),
        ("secret_key = 'f3Kq9vZx1Lm7Tw2Rb8Yc'  # gotee: ignore=GT403\ndef f(x: int) -> int:\n    return x\n" + MAIN, []),  # noqa: E501
        ("def f(x: int) -> int:  # gotee: ignore=GT999\n    return x\n" + MAIN, ["GT406"]),
        ("title = 'a text with several words in it'\nkey = 'name'\ndef f(x: int) -> int:\n    return x\n" + MAIN, []),
        ("def main() -> None:\n    gosecure(lambda x: x, 1)\n", ["GT202"]),
        ("def f(x: int) -> int:\n    return eval(input())\n" + MAIN, ["GT302"]),
    ],
)  # fmt: skip
def test_findings(capsys: Capture, tmp_path: Path, source: str, expected: list[str]) -> None:
    assert codes(capsys, tmp_path, source) == expected


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("gosecure(sing, 1)", "nothing binds sing, which gosecure is to call. did you mean sign?"),
        ("gosecure(state.cuont, 1)", "nothing binds state.cuont, which gosecure is to call. did you mean count?"),
        ("gosecure sing(1)", "nothing binds sing, which gosecure is to call. did you mean sign?"),
        ("gosecure(sign, 1)", None),
        ("gosecure(state.count, 1)", None),
        ("gosecure(state.lazy.thing, 1)", None),
        ("(lambda later: gosecure(later, 1))(sign)", None),
        ("gosecure(made, 1) if 'made' in globals() else None", None),
    ],
)
def test_a_secured_call_of_what_nothing_binds_is_an_error(
    capsys: Capture, tmp_path: Path, call: str, told: str | None
) -> None:
    (tmp_path / "state.py").write_text("import json as lazy\ndef count(x: int) -> int:\n    return x\n")
    source = f"import state\ndef sign(x: int) -> int:\n    return x\ndef main() -> None:\n    {call}\n"
    (tmp_path / "app.py").write_text(f"from gotee import gosecure\n{source}{GUARD}")
    assert main(["check", str(tmp_path / "app.py"), "--format", "json"]) == (told is not None)
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [f"{each['message']}. {each['cure']}" for each in found] == ([] if told is None else [told])


def test_a_global_of_another_module_counts(capsys: Capture, tmp_path: Path) -> None:
    source = "import state\ndef f(x: int) -> int:\n    return state.count\n"
    source += "def main() -> None:\n    state.count += 1\n    gosecure(f, 1)\n"
    assert codes(capsys, tmp_path, source, state="count = 0\n") == ["GT401"]


def test_text_shows_place_and_caret_and_github_gets_commands(gotee: Gotee, tmp_path: Path) -> None:
    file = tmp_path / "my app.py"
    file.write_text("from gotee import *\ndef f(x):\n    return x\n" + MAIN + GUARD)
    text = gotee("check", file)
    assert text.returncode == 0
    assert "my app.py:2:1: GT402" in text.stdout
    assert "^^^^^" in text.stdout
    assert text.stdout.endswith("0 errors, 1 warning\n")
    assert gotee("check", file, "--strict").returncode == 1
    line = gotee("check", file, "--format", "github").stdout
    assert line.startswith("::warning file=my app.py,line=2,title=GT402,col=1::")
    assert "%0Acure: " in line
    assert line.count("\n") == 1


def test_errors_fail_the_command(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from gotee import *\ndef main():\n    gosecure(print, 1)\n" + GUARD)
    done = gotee("check", "app.py")
    assert done.returncode == 1
    assert "error: " in done.stdout
    (tmp_path / "bad.py").write_text("def (:\n")
    assert gotee("check", "bad.py").returncode == 1
    assert gotee("check", "absent.py").returncode == 2


def test_a_file_that_is_no_python_is_shown_with_its_place(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\ny = (2 +* 3)\n")
    assert main(["check", str(tmp_path / "app.py")]) == 1
    said = capsys.readouterr().out
    assert "app.py:2:9: GT107 the file is not valid Python: invalid syntax\n    y = (2 +* 3)\n            ^\n" in said


def test_the_caret_stands_below_letters_of_any_width(capsys: Capture, tmp_path: Path) -> None:
    source = 'def f(x: int) -> int:\n    é = "日本"; return len(é + open("ü本").read())\n'
    (found,) = findings(capsys, tmp_path, source + MAIN)
    assert (found["column"], found["width"]) == (30, 10)  # letters
    main(["check", str(tmp_path / "app.py")])
    shown = capsys.readouterr().out.split("\n")
    assert shown[2] == "    " + " " * 31 + "^" * 11  # columns: each of the three is two wide


def test_what_is_printed_needs_no_letters_and_no_room_that_are_not_there(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from gotee import *\ndef ünï(x):\n    return x\n" + MAIN.replace("f,", "ünï,") + GUARD
    )
    done = gotee("check", "app.py", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "def \\xfcn\\xef(x)" in done.stdout
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "gotee", "check", str(tmp_path / "app.py")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), timeout=60)
    assert (done.returncode, done.stderr) == (
        1,
        "gotee: error: standard output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize("levels", [600, 3000])
def test_long_chains_are_read_or_refused_in_a_sentence(capsys: Capture, tmp_path: Path, levels: int) -> None:
    chain = "".join(f"    elif x == {number}:\n        return 1\n" for number in range(levels))
    source = f"def f(x: int) -> int:\n    if x < 0:\n        return 0\n{chain}    return 2\n" + MAIN
    assert codes(capsys, tmp_path, source) == ([] if levels == 600 else ["GT107"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gain", "the name gain is bound in no module of the program; did you mean main?"),
        ("app", "app is a module; name what it holds: app:NAME\n"),
        ("ap:f", "the program has no module ap; did you mean app?"),
        ("app:mains", "the module app binds no mains; did you mean main?"),
        ("app:xyz", "the module app binds no xyz\n"),
    ],
)
def test_why_suggests_the_name_that_was_meant(capsys: Capture, tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "app.py").write_text("from gotee import *\ndef f(x: int) -> int:\n    return x\n" + MAIN + GUARD)
    assert main(["why", name, str(tmp_path / "app.py")]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["hello/hello.py", "hello/hello_keyword.py", "notary/notary.py", "pipeline/pipeline.py"]
)
def test_the_examples_are_clean(gotee: Gotee, name: str) -> None:
    assert gotee("check", ROOT / "examples" / name).stdout == "0 errors, 0 warnings\n"


def test_what_has_no_annotation_is_told_apart(gotee: Gotee, tmp_path: Path) -> None:
    source = "from gotee import *\ndef f(x):\n    return x\n" + MAIN + GUARD
    (tmp_path / "app.py").write_text(source)
    assert "takes any type that can cross: x\n   gives any type that can cross\n" in gotee("interface", "app.py").stdout
    assert "the entry f has no annotation for x, its result:" in gotee("check", "app.py").stdout


def test_interface_states_the_public_api(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from gotee import *\n"
        "async def f(a: int, /, b: 'str' = '', *more: int, c: Chan[int], **rest: int) -> int:\n"
        '    """Do it.\n\n    More."""\n    return 1\n' + MAIN + GUARD
    )
    text = gotee("interface", "app.py").stdout
    assert "The host may call each of these at any time" in text
    assert "async app:f(a: int, /, b: str = ..., *more: int, c: Chan[int], **rest: int) -> int" in text
    entry = json.loads(gotee("interface", "app.py", "--json").stdout)["entries"][0]
    assert (entry["summary"], entry["channels"], entry["unannotated"]) == ("Do it.", ["c"], [])


def test_tcb_counts_and_its_difference_has_an_exit_status(gotee: Gotee, tmp_path: Path) -> None:
    used = "def f(x: int) -> int:\n    return x\n"
    (tmp_path / "app.py").write_text(
        "from gotee import *\n" + used + "def unused() -> int:\n    return 1\n" + MAIN + GUARD
    )
    report = json.loads(gotee("tcb", "app.py", "--json").stdout)
    (module,) = report["program"]["modules"]
    assert {each["name"]: each["inside"] for each in module["definitions"]}["f"] is True
    assert {each["name"]: each["inside"] for each in module["definitions"]}["unused"] is False
    assert report["program"]["inside"] == 3  # f, and the import
    assert [each["name"] for each in report["distributions"]] == ["greenlet", "msgspec"]
    assert report["standard"]["program"] == []  # all of it is gotee's own need
    assert 100 < report["standard"]["modules"] < report["standard"]["of"]
    assert report["crossings"] == [{"module": "app", "caller": "main", "line": 7, "to": "app:f"}]
    (tmp_path / "old.json").write_text(json.dumps(report))
    gotee("build", "app.py")
    assert gotee("tcb", "app.py", "--diff", "old.json").returncode == 0
    assert gotee("tcb", "app.py", "--diff", "app.sgxs").returncode == 0
    (tmp_path / "app.py").write_text((tmp_path / "app.py").read_text().replace("return x", "return unused()"))
    changed = gotee("tcb", "app.py", "--diff", "old.json")
    assert (changed.returncode, changed.stdout) == (1, "+ app:unused\n")
    changed = gotee("tcb", "app.py", "--diff", "app.sgxs")
    assert (changed.returncode, changed.stdout) == (1, "~ app:f\n+ app:unused\n")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_the_page_works_in_a_browser(gotee: Gotee, tmp_path: Path) -> None:
    evil = "def f(x: int) -> str:\n    return '</script><b id=broken>'\n"
    (tmp_path / "app.py").write_text("from gotee import *\n" + evil + MAIN + GUARD)
    assert gotee("tcb", "app.py", "--html", "page.html").returncode == 0
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser"]
    address = f"file://{tmp_path}/page.html#why=app:f"
    done = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=120, check=True)
    assert 'data-ready="yes"' in done.stdout
    assert "An entry: the host calls it." in done.stdout  # the panel of the chosen block
    assert 'class="crossing near"' in done.stdout  # the crossing of the chosen block stands out
    assert "Called with gosecure from:" in done.stdout
    assert 'aria-label="app:f, 2 lines, entry, inside"' in done.stdout
    assert "<b id=" not in done.stdout
    assert "http://" not in (tmp_path / "page.html").read_text().replace("http://www.w3.org/2000/svg", "")


TRUSTED = "import os, socket, time, subprocess, sqlite3\nfrom pathlib import Path\nfrom datetime import datetime\n"


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        ("open('in/a.txt').read()", None),
        ("open('in/b.txt')", 'files = ["in/a.txt:r", "out/**:w", "in/b.txt:r"]'),
        ("open('in/a.txt', 'w')", 'files = ["in/a.txt:rw", "out/**:w"]'),
        ("open('out/x', mode='a')", None),
        ("open('out/x', 'r+')", 'files = ["in/a.txt:r", "out/**:w", "out/x:rw"]'),
        ("open('/etc/passwd')", 'files = ["in/a.txt:r", "out/**:w", "/etc/passwd:r"]'),
        ("open('in/../in/a.txt')", None),
        ("Path('in/b.txt').read_text()", 'files = ["in/a.txt:r", "out/**:w", "in/b.txt:r"]'),
        ("Path('out/c').mkdir()", None),
        ("os.listdir('in')", None),
        ("os.listdir('other')", 'files = ["in/a.txt:r", "out/**:w", "other:r"]'),
        ("os.environ['HOME']", 'env = ["LANG", "HOME"]'),
        ("os.environ.get('LANG')", None),
        ("os.getenv('HOME')", 'env = ["LANG", "HOME"]'),
        ("time.time()", "time = true"),
        ("time.localtime(0)", None),
        ("datetime.now()", "time = true"),
        ("time.monotonic()", None),
        ("open(str(x))", None),
        ("open('measured.txt')", None),
        ("(s := socket.socket()).connect(('h', 1)) or s.connect(('h', 1))", 'network = ["connect:tcp:h:1"]'),
    ],
)
def test_what_the_policy_will_refuse_is_told_with_its_line(
    capsys: Capture, tmp_path: Path, expression: str, line: str | None
) -> None:
    (tmp_path / "measured.txt").write_text("x")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.gotee]\ninclude = ["measured.txt"]\n'
        '[tool.gotee.ocalls]\nfiles = ["in/a.txt:r", "out/**:w"]\nenv = ["LANG"]\n'
    )
    source = f"{TRUSTED}def outside():\n    open('z')\ndef f(x: int) -> str:\n    return str({expression})\n{MAIN}"
    found = findings(capsys, tmp_path, source)
    assert {each["code"] for each in found} == (set() if line is None else {"GT407"})
    assert line is None or f"put {line} into" in found[0]["cure"]


@pytest.mark.parametrize(
    "expression",
    [
        "subprocess.run(['ls'])",
        "os.fork()",
        "os.system('ls')",
        "sqlite3.connect('x.db')",
        "os.link('a', 'b')",
        "os.statvfs('.')",
    ],
)
def test_what_an_enclave_does_not_have_is_told(capsys: Capture, tmp_path: Path, expression: str) -> None:
    assert codes(capsys, tmp_path, f"{TRUSTED}def f(x: int) -> str:\n    return str({expression})\n{MAIN}") == ["GT408"]
