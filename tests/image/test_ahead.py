"""A platform that was started before the program asked for an enclave: the same answers, and no trust in a hint."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gotee.host import ahead

from .conftest import PROGRAM

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Python with an image and a cache of its own."""
    (tmp_path / "doubling.py").write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    kept |= {"PYTHONPATH": os.pathsep.join(sys.path[1:]), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        given = {**kept, **environment}
        return subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=120)

    done = call("-m", "gotee", "build", "doubling.py")
    assert done.returncode == 0, done.stderr
    return call


def hints(folder: Path) -> list[Path]:
    return list((folder / "cache" / "gotee" / "places").glob("*"))


def test_where_files_lie_is_remembered_and_used(run: Run, tmp_path: Path) -> None:
    look = "import gotee.host.ahead as a; print(a._begun is not None)"
    assert run("-c", look, GOTEE_IMAGE="doubling.sgxs").stdout == "False\n"
    assert run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stdout == "42\n"
    assert len(hints(tmp_path)) == 1
    assert run("-c", look, GOTEE_IMAGE="doubling.sgxs").stdout == "True\n"
    assert run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stdout == "42\n"
    assert run("-m", "gotee", "run", "--image", "doubling.sgxs", "doubling.py").stdout == "42\n"


def test_a_hint_that_leads_to_another_file_ends_in_a_refusal(run: Run, tmp_path: Path) -> None:
    assert run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stdout == "42\n"
    (hint,) = hints(tmp_path)
    known, _, places, said = hint.read_bytes().split(b"\n")
    other = tmp_path / "decoder.txt"
    shutil.copyfile(os.path.join(os.path.dirname(os.__file__), "json", "decoder.py"), other)
    other.write_text(other.read_text() + "# changed\n")
    from gotee.boundary import plain_json

    table = plain_json.loads(places)
    table["/standard/json/decoder.py"] = str(other)
    hint.write_bytes(b"\n".join((known, ahead.stamps_of(table.values()), plain_json.dumps(table), said)))
    done = run("doubling.py", GOTEE_IMAGE="doubling.sgxs")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/standard/json/decoder.py" in done.stderr, done.stderr


@pytest.mark.parametrize("damage", ["moved", "places", "program", "all"])
def test_a_hint_that_is_out_of_date_is_not_used(run: Run, tmp_path: Path, damage: str) -> None:
    assert run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stdout == "42\n"
    (hint,) = hints(tmp_path)
    kept = hint.read_bytes()
    known, stamps, places, said = kept.split(b"\n")
    if damage == "moved":  # as after an upgrade that has put a file elsewhere
        elsewhere = places.replace(b"/json/decoder.py", b"/json/gone.py")
        hint.write_bytes(b"\n".join((known, stamps, elsewhere, said)))
    elif damage == "places":
        hint.write_bytes(b"\n".join((known, stamps, b"[1]", said)))
    elif damage == "program":
        kept = b"\n".join((known, stamps, places, said[:-1]))  # what it says is read from the image again
        hint.write_bytes(kept)
    else:
        hint.write_bytes(b"\n\n\n")
    done = run("doubling.py", GOTEE_IMAGE="doubling.sgxs")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    assert hint.read_bytes() == kept


def test_what_an_image_says_is_remembered_for_the_image_with_this_signature_alone(run: Run, tmp_path: Path) -> None:
    assert run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stdout == "42\n"
    (hint,) = hints(tmp_path)
    known, stamps, places, said = hint.read_bytes().split(b"\n")
    measured, _, text = said.partition(b" ")
    assert measured.decode() == hashlib.sha256((tmp_path / "doubling.sgxs").read_bytes()).hexdigest()
    nothing = text.replace(b'"double"', b'"another"')
    assert nothing != text
    hint.write_bytes(b"\n".join((known, stamps, places, measured + b" " + nothing)))
    assert "not in the image's table" in run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stderr
    hint.write_bytes(b"\n".join((known, stamps, places, b"0" * 64 + b" " + nothing)))
    assert run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stdout == "42\n"


LISTENING = """
from gotee import gosecure

def double(x: int) -> int:
    return 2 * x

def main() -> None:
    from gotee.host import ahead
    print(ahead._begun and ahead._begun.link.wait(0.5), flush=True)
    print(gosecure(double, 21).result())

if __name__ == "__main__":
    main()
"""


def test_an_enclave_that_was_started_ahead_runs_no_code_of_the_program_before_it_is_asked(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "doubling.py").write_text(LISTENING)
    assert run("-m", "gotee", "build", "doubling.py").returncode == 0
    said = [run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stdout for _ in range(2)]
    assert said == ["None\n42\n", "False\n42\n"]  # nothing came over the link, not even that it is ready


def test_a_program_that_asks_for_no_enclave_leaves_no_process(run: Run, tmp_path: Path) -> None:
    assert run("doubling.py", GOTEE_IMAGE="doubling.sgxs").stdout == "42\n"
    look = "import gotee.host.ahead as a; print(a._begun.platform._pid)"
    pid = int(run("-c", look, GOTEE_IMAGE="doubling.sgxs").stdout)
    for _ in range(2000):
        if not os.path.exists(f"/proc/{pid}/exe"):  # gone, or ended and not yet waited for
            return
        subprocess.run(["sleep", "0.01"], check=True)
    pytest.fail("the platform goes on without its host")


LATER = """
import sys

from gotee import EnclaveLost, gosecure


def unopened() -> int:
    return len(sys.meta_path[-1]._archives)


def parse(text: str) -> str:
    try:
        import json
    except ImportError:
        return "without it"
    return str(json.loads(text))


def main() -> None:
    from pathlib import Path

    print(gosecure(unopened).result() > 0)
    if len(sys.argv) > 1:
        for archive in Path(sys.argv[1]).rglob("*"):
            if archive.is_file():
                archive.write_bytes(archive.read_bytes()[:-1] + b"!")
    try:
        print(gosecure(parse, "[1]").result())
    except EnclaveLost as lost:
        print(".archive" in str(lost), "is not the file" in str(lost))


if __name__ == "__main__":
    main()
"""


def test_what_no_start_needs_is_verified_when_it_is_loaded(run: Run, tmp_path: Path) -> None:
    """A program that goes on without what was changed would be one that the host has chosen."""
    (tmp_path / "later.py").write_text(LATER)
    assert run("-m", "gotee", "build", "later.py").returncode == 0
    archives = tmp_path / "cache" / "gotee" / "archives"
    state = {"GOTEE_IMAGE": "later.sgxs", "XDG_STATE_HOME": str(tmp_path)}
    newest = max(file.stat().st_ctime for file in archives.rglob("*"))
    while time.time() <= newest + 1.01:  # what has changed just now is not remembered
        time.sleep(0.01)
    for _ in range(2):
        done = run("later.py", **state)
        assert done.stdout == "True\n[1]\n", done.stderr
    done = run("later.py", str(archives), **state)
    assert done.stdout == "True\nTrue True\n", done.stderr
