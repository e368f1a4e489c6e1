"""`gotee run`: the program sees what `python FILE` would show it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import ROOT, Gotee, environment

Program = Callable[[str], Path]
HELLO = "From an untrusted domain:\nHello World!\nFrom a trusted domain:\nHello World!\n"


@pytest.mark.parametrize("name", ["hello.py", "hello_keyword.py"])
def test_hello_prints_its_four_lines_in_both_spellings(gotee: Gotee, name: str) -> None:
    done = gotee("run", ROOT / "examples" / "hello" / name)
    assert (done.returncode, done.stdout) == (0, HELLO)


def test_inline_says_on_standard_error_that_it_protects_nothing(gotee: Gotee) -> None:
    done = gotee("run", "--tee", "inline", ROOT / "examples" / "hello" / "hello.py")
    assert done.stderr.count("--tee inline") == 1
    assert "unprotected" in done.stderr


def test_a_service_that_does_not_run_is_told_in_one_line(gotee: Gotee, tmp_path: Path) -> None:
    done = gotee(
        "run", ROOT / "examples" / "hello" / "hello.py", GOTEE_LEVEL="service", GOTEE_PLATFORM=f"{tmp_path}/none"
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"none runs at {tmp_path}/none" in done.stderr


def test_program_without_gosecure_prints_no_banner(gotee: Gotee, program: Program) -> None:
    done = gotee("run", program("print('plain')"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "plain\n", "")


def test_plain_python_runs_the_plain_form(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "hello" / "hello.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout) == (0, HELLO)


@pytest.mark.parametrize(
    "arguments",
    [["a", "b c"], ["--tee", "nonsense"], ["--", "x"], ["-h"], ["--version"], ["", "-"], ["--image=1"]],
    ids=str,
)
def test_everything_after_the_file_belongs_to_the_program(gotee: Gotee, program: Program, arguments: list[str]) -> None:
    path = program("import sys\nprint(sys.argv)")
    done = gotee("run", "--tee=inline", path, *arguments)
    assert (done.stdout, done.stderr) == (f"{[str(path), *arguments]}\n", "")


@pytest.mark.parametrize(
    ("end", "status", "stderr"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(None)", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(7)", 7, ""),
        ("sys.exit('no luck')", 1, "no luck\n"),
        ("raise SystemExit", 0, ""),
        ("pass", 0, ""),
    ],
)
def test_exit_status_is_the_programs(gotee: Gotee, program: Program, end: str, status: int, stderr: str) -> None:
    done = gotee("run", program(f"import sys\n{end}"))
    assert (done.returncode, done.stderr) == (status, stderr)


def test_standard_input_reaches_the_program(gotee: Gotee, program: Program) -> None:
    done = gotee("run", program("import sys\nprint(sys.stdin.read().upper())"), stdin="ping")
    assert done.stdout == "PING\n"


def test_the_program_is_main_and_sees_modules_beside_it(gotee: Gotee, program: Program, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("NAME = 'beside'\n")
    path = program("import sys, beside\nprint(__name__, beside.NAME, sys.path[0], __file__)")
    assert gotee("run", path).stdout == f"__main__ beside {tmp_path} {path}\n"


def test_uncaught_exception_is_reported_with_the_programs_frames_only(gotee: Gotee, program: Program) -> None:
    path = program("def f():\n    raise LookupError('lost')\n\nf()\n")
    done = gotee("run", path)
    assert done.returncode == 1
    assert re.findall(r'File "(.*)", line (\d+)', done.stderr) == [(str(path), "4"), (str(path), "2")]
    assert done.stderr.endswith("LookupError: lost\n")


def test_gotees_own_errors_in_a_program_are_tracebacks_not_usage_errors(gotee: Gotee, program: Program) -> None:
    done = gotee("run", program("from gotee import Chan\nChan(capacity=-1)\n"))
    assert done.returncode == 1
    assert "line 2" in done.stderr
    assert "UsageError" in done.stderr


def test_the_programs_own_excepthook_is_used(gotee: Gotee, program: Program) -> None:
    hook = "import sys\nsys.excepthook = lambda kind, error, trace: print('hook:', error)\n"
    done = gotee("run", program(hook + "raise ValueError('seen')\n"))
    assert (done.returncode, done.stdout, done.stderr) == (1, "hook: seen\n", "")


def test_malformed_keyword_form_is_one_clean_error(gotee: Gotee, program: Program) -> None:
    path = program("from gotee import go\nprint('started')\ngo print\n")
    done = gotee("run", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"gotee: error: {path}:3:")
    assert "^" in done.stderr
    assert "Traceback" not in done.stderr


def test_syntax_error_shows_its_place_and_nothing_of_gotee(gotee: Gotee, program: Program) -> None:
    path = program("x = 1\ny = = 2\n")
    done = gotee("run", path)
    assert done.returncode == 1
    assert re.findall(r'File "(.*)", line (\d+)', done.stderr) == [(str(path), "2")]
    assert "SyntaxError" in done.stderr


WAITS = {
    "main in a C call": "import time\nprint('ready', flush=True)\ntime.sleep(60)\n",
    "main in recv, a routine asleep": (
        "from gotee import Chan, go, sleep\ngo(sleep, 60)\nprint('ready', flush=True)\nChan[int]().recv()\n"
    ),
    "main in a busy loop": "print('ready', flush=True)\nwhile True: pass\n",
}


def send(signum: signal.Signals, path: Path) -> tuple[int, str]:
    """Start a program, signal it when it says `ready`; its exit status and standard error."""
    with subprocess.Popen(
        [sys.executable, "-m", "gotee", "run", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=path.parent,
        env=environment(),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signum)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, errors


@pytest.mark.parametrize("source", WAITS.values(), ids=WAITS.keys())
def test_ctrl_c_ends_with_130_and_says_nothing(program: Program, source: str) -> None:
    assert send(signal.SIGINT, program(source)) == (130, "")


def test_ctrl_c_can_be_handled_by_the_program(program: Program) -> None:
    source = "import time\ntry:\n    print('ready', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n"
    assert send(signal.SIGINT, program(source + "    raise SystemExit(3)\n")) == (3, "")


def test_ctrl_c_ends_other_verbs_so_too(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "gotee", "platform"]
    variables = environment(XDG_STATE_HOME=str(tmp_path))
    subprocess.run([*words, "show"], check=True, stdout=subprocess.DEVNULL, env=variables, timeout=60)
    pipe = subprocess.PIPE
    with subprocess.Popen([*words, "reset"], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=variables) as process:
        try:
            assert process.stdout is not None
            said = ""
            while not said.endswith("to go on: ") and (letter := process.stdout.read(1)):
                said += letter
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, "")


def test_sigterm_ends_the_program_as_it_ends_python(program: Program) -> None:
    status, errors = send(signal.SIGTERM, program(WAITS["main in a C call"]))
    assert (status, errors) == (-signal.SIGTERM, "")


def test_missing_file_is_refused_with_cause_and_cure(gotee: Gotee, tmp_path: Path) -> None:
    done = gotee("run", "nothing.py")
    assert done.returncode == 2
    assert done.stderr == (f"gotee: error: nothing.py: no such file; the path is looked up from {tmp_path}\n")


def test_directory_is_refused_and_its_main_file_named(gotee: Gotee, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").touch()
    done = gotee("run", "app")
    assert (done.returncode, done.stderr) == (
        2,
        "gotee: error: app is a directory; did you mean app/main.py?\n",
    )


@pytest.mark.parametrize("tee", ["vm", "nitro", "sgx"])
def test_tee_that_is_not_built_is_refused_before_the_program_starts(gotee: Gotee, program: Program, tee: str) -> None:
    done = gotee("run", "--tee", tee, program("print('ran')"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--tee {tee} is not built yet" in done.stderr


def test_the_environment_is_checked_too_and_named(gotee: Gotee, program: Program) -> None:
    done = gotee("run", program("print('ran')"), GOTEE_TEE="sgx")
    assert (done.returncode, done.stdout) == (2, "")
    assert "GOTEE_TEE='sgx' is not built yet" in done.stderr


def test_the_option_wins_over_the_environment_and_reaches_the_program(gotee: Gotee, program: Program) -> None:
    path = program("import os\nprint(os.environ['GOTEE_TEE'])")
    assert gotee("run", "--tee", "inline", path, GOTEE_TEE="sgx").stdout == "inline\n"
