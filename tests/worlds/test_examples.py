"""The examples, run as a user runs them."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from .program import LINGER, environment_of_a_user, run

EXAMPLES = Path(__file__).parents[2] / "examples"
HELLO = "From an untrusted domain:\nHello World!\nFrom a trusted domain:\nHello World!\n"


def test_hello_prints_from_both_domains() -> None:
    ended = run(EXAMPLES / "hello" / "hello.py")
    assert (ended.status, ended.output, ended.errors) == (0, HELLO, "")


def test_hello_in_the_keyword_form_prints_the_same() -> None:
    ended = run(EXAMPLES / "hello" / "hello_keyword.py", before=("-m", "gotee", "run"))
    assert (ended.status, ended.output, ended.errors) == (0, HELLO, "")


def expected_of_the_pipeline(count: int) -> str:
    rates = {"north": 5, "south": 10, "west": 0}
    amounts = [100 + 7 * number for number in range(count)]
    accepted = [amount for amount in amounts if amount % 10]
    total = sum(amount * rate // 100 for rate in rates.values() for amount in accepted)
    refused = 3 * (len(amounts) - len(accepted))
    return f"{3 * count} orders, {refused} refused, discounts of {total} cents\n"


@pytest.mark.parametrize(("count", "workers"), [(0, 1), (1, 3), (1_000, 4)])
def test_the_pipeline_handles_every_order_once(count: int, workers: int) -> None:
    ended = run(EXAMPLES / "pipeline" / "pipeline.py", str(count), str(workers))
    assert (ended.status, ended.output, ended.errors) == (0, expected_of_the_pipeline(count), "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["abc"], "argument orders: invalid int value: 'abc'"),
        (["5", "x"], "argument workers: invalid int value: 'x'"),
        (["5", "0"], "there are 0 or more orders, and 1 or more workers"),
        (["-5"], "there are 0 or more orders, and 1 or more workers"),
    ],
    ids=str,
)
def test_the_pipeline_says_what_it_cannot_use(words: list[str], told: str) -> None:
    ended = run(EXAMPLES / "pipeline" / "pipeline.py", *words)
    assert (ended.status, ended.output) == (2, "")
    assert ended.errors.endswith(f"pipeline.py: error: {told}\n")


# -- notary -----------------------------------------------------------------------------------------------

NOTARY = EXAMPLES / "notary" / "notary.py"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


def verify(out: Path) -> subprocess.CompletedProcess[str]:
    """As the notary's own text says."""
    words = "openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in manifest -sigfile manifest.sig"
    return subprocess.run(words.split(), cwd=out, capture_output=True, text=True, timeout=LINGER)


def check_sums(root: Path, out: Path) -> subprocess.CompletedProcess[bytes]:
    words = ["sha256sum", "--check", "--strict", str(out / "manifest")]
    return subprocess.run(words, cwd=root, capture_output=True, timeout=LINGER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of many sizes and names."""
    root = tmp_path / "documents"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "empty").write_bytes(b"")
    (root / "chunk").write_bytes(b"x" * 256 * 1024)
    (root / "more").write_bytes(os.urandom(3_000_000))
    (root / "deep" / "er" / "a name with blanks").write_text("text")
    (root / "deep" / "zwei Zeilen\nund \\ Ümläute").write_text("text")
    (root / os.fsdecode(b"not utf-8 \xff")).write_text("text")
    (root / "link").symlink_to("more")
    return root


@needs_openssl
def test_the_notarys_signature_is_accepted_by_openssl_and_its_sums_are_right(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = run(NOTARY, str(folder), "--out", str(out))
    assert (ended.status, ended.output, ended.errors) == (0, f"6 files signed: {out / 'manifest'}\n", "")
    verified = verify(out)
    assert (verified.returncode, verified.stdout) == (0, "Signature Verified Successfully\n")
    checked = check_sums(folder, out)
    assert checked.returncode == 0, checked
    assert len((out / "manifest").read_bytes().splitlines()) == 6


@needs_openssl
@pytest.mark.parametrize("changed", ["manifest", "manifest.sig"])
def test_openssl_refuses_what_was_changed_after_the_notary(folder: Path, tmp_path: Path, changed: str) -> None:
    out = tmp_path / "out"
    assert run(NOTARY, str(folder), "--out", str(out)).status == 0
    data = bytearray((out / changed).read_bytes())
    data[5] ^= 1
    (out / changed).write_bytes(data)
    assert verify(out).returncode != 0


@needs_openssl
def test_every_run_of_the_notary_has_a_key_of_its_own(folder: Path, tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        assert run(NOTARY, str(folder), "--out", str(tmp_path / name)).status == 0
        keys.add((tmp_path / name / "pub.pem").read_text())
    assert len(keys) == 2


@needs_openssl
def test_the_notary_signs_one_file_or_none(folder: Path, tmp_path: Path) -> None:
    out, nothing = tmp_path / "out", tmp_path / "nothing"
    nothing.mkdir()
    for path, count in ((folder / "more", 1), (nothing, 0)):
        ended = run(NOTARY, str(path), "--out", str(out))
        assert (ended.status, ended.output) == (0, f"{count} files signed: {out / 'manifest'}\n"), ended
        assert len((out / "manifest").read_bytes().splitlines()) == count
        if count:  # openssl 3.0 does not verify a signature of an empty file
            assert verify(out).returncode == 0


def test_the_notary_leaves_its_own_results_out(folder: Path) -> None:
    for _ in range(2):
        ended = run(NOTARY, str(folder), "--out", str(folder / "notarized"))
        assert ended.output.startswith("6 files signed")


def test_the_notary_says_what_is_missing(tmp_path: Path) -> None:
    ended = run(NOTARY, str(tmp_path / "absent"))
    assert ended.status == 2
    assert "absent does not exist" in ended.errors


def test_the_notary_signs_nothing_if_a_file_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    """The file goes away between the listing and the reading, which also root sees."""
    out = tmp_path / "out"
    (folder / "more").unlink()
    (folder / "more").symlink_to("/proc/self/mem")  # left out, as every link
    (folder / "gone").write_text("x")
    wrapper = tmp_path / "wrapper.py"
    wrapper.write_text(
        "import runpy, pathlib, sys\n"
        "was = pathlib.Path.open\n"
        "def vanish(self, *args, **kwargs):\n"
        "    if self.name == 'gone' and self.exists():\n"
        "        self.unlink()\n"
        "    return was(self, *args, **kwargs)\n"
        "pathlib.Path.open = vanish\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    ended = run(wrapper, str(NOTARY), str(folder), "--out", str(out), GOTEE_TEE="inline")
    assert ended.status == 1
    assert f"nothing is signed: No such file or directory: {folder / 'gone'}" in ended.errors
    assert "Traceback" not in ended.errors
    assert list(out.iterdir()) == []


def test_the_notary_refuses_what_is_neither_file_nor_directory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = run(NOTARY, str(tmp_path / "pipe"), "--out", str(tmp_path / "out"))
    assert ended.status == 1
    assert "Neither a file nor a directory" in ended.errors


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_the_notary_leaves_out_no_directory_silently(folder: Path, tmp_path: Path) -> None:
    (folder / "deep").chmod(0)
    try:
        ended = run(NOTARY, str(folder), "--out", str(tmp_path / "out"))
    finally:
        (folder / "deep").chmod(0o700)
    assert ended.status == 1
    assert "Permission denied" in ended.errors


def test_the_notary_shows_its_progress_on_a_terminal_only(folder: Path, tmp_path: Path) -> None:
    terminal, side = pty.openpty()
    try:
        termios.tcsetwinsize(side, (25, 80))
        subprocess.run(
            [sys.executable, str(NOTARY), str(folder), "--out", str(tmp_path / "out")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=side,
            env=environment_of_a_user(),
            timeout=40,
            check=True,
        )
        shown = os.read(terminal, 65_536)
    finally:
        os.close(terminal)
        os.close(side)
    assert b"B/s" in shown


# -- ledger -----------------------------------------------------------------------------------------------


def test_the_ledger_keeps_its_book_by_its_policy_and_sees_what_the_host_changes(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    shutil.copytree(EXAMPLES / "ledger", folder, ignore=shutil.ignore_patterns("book", "__pycache__"))
    ended = run(folder / "ledger.py", LEDGER_CURRENCY="CHF")
    assert (ended.status, ended.lines) == (
        0,
        [
            "march: 2 payments, 91250 cents",
            "april: 1 payments, 980 cents",
            "0 lines were changed, or are of an earlier run",
        ],
    )
    assert "WARNING april: -5 cents to nobody are no payment" in ended.errors
    lines = (folder / "book" / "entries.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert all('"currency": "CHF"' in line and '"at": "20' in line for line in lines)
    assert (
        run(folder / "ledger.py", "march").lines[-1] == "3 lines were changed, or are of an earlier run"
    )  # another enclave, another key


@pytest.mark.parametrize(
    ("month", "told"),
    [
        ("nope", "FileNotFoundError: [Errno 2] No such file or directory: 'payments/nope.csv'"),
        ("../x", "ValueError: a month is a word"),
    ],
)
def test_the_ledger_says_which_month_it_did_not_enter(month: str, told: str) -> None:
    ended = run(EXAMPLES / "ledger" / "ledger.py", month)
    assert (ended.status, ended.output) == (1, "")
    assert ended.errors == f"{month!r} was not entered: {told}\n"


def test_the_ledger_without_its_policy_is_told_each_line_that_it_lacks(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    shutil.copytree(EXAMPLES / "ledger", folder, ignore=shutil.ignore_patterns("book", "__pycache__"))
    table = "[tool.gotee.ocalls]\n"
    needed = ['files = ["book:w"]', 'files = ["book:w", "payments/march.csv:r"]']
    for line in needed:
        (folder / "pyproject.toml").write_text(table)
        errors = run(folder / "ledger.py", "march").errors
        assert f"put {line} into [tool.gotee.ocalls]" in errors
        table = f"[tool.gotee.ocalls]\n{line}\n"
