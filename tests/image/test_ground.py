"""What an interpreter is started on before an image is known: equal part by part, or not used."""

from __future__ import annotations

import marshal
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gotee.compiler.remembered import partition
from gotee.errors import ImageError
from gotee.image import parts
from gotee.image.build import Built, build
from gotee.image.contents import contents_of
from gotee.image.ground import Ground, of_image
from gotee.image.memory import SEALS
from gotee.image.sign import for_development
from gotee.platform import compared, footing
from gotee.platform.found import Found

from .conftest import PROGRAM


@pytest.fixture
def ground(built: Built) -> Ground:
    return of_image(*contents_of(built.stream))


def test_two_programs_of_one_base_have_the_same_ground(ground: Ground, tmp_path: Path) -> None:
    file = tmp_path / "other.py"
    file.write_text(PROGRAM.replace("2 * x", "3 * x"))
    assert of_image(*contents_of(build(partition(file)).stream)) == ground
    assert not any("/program/" in path for path in ground.paths)


@pytest.mark.parametrize("what", ["hash of a file", "path", "first code", "early module", "bytecode of another Python"])
def test_a_ground_that_differs_in_anything_is_another(built: Built, ground: Ground, what: str) -> None:
    manifest, block = contents_of(built.stream)
    at = next(place for place, file in enumerate(manifest.files) if file.path == "/gotee/rooms.archive")
    files = list(manifest.files)
    python = dict(manifest.python)
    if what == "hash of a file":
        files[at] = files[at]._replace(sha256="0" * 64)
    elif what == "path":
        files[at] = files[at]._replace(path="/gotee/rooms.archiv")
    elif what == "first code":
        block["boot"] += b"\0"
    elif what == "early module":
        block["early os.pyc"] += b"\0"
    else:
        python["magic"] = "00000000"
    other = of_image(manifest._replace(files=tuple(files), python=python), block)
    assert other != ground
    assert other.name != ground.name


def test_an_image_that_does_not_name_what_its_enclave_begins_with_is_refused(built: Built) -> None:
    manifest, block = contents_of(built.stream)
    files = [file for file in manifest.files if not file.path.startswith("/base/libc.")]
    with pytest.raises(ImageError, match="begins with"):
        of_image(manifest._replace(files=tuple(files)), block)


@pytest.fixture
def found(built: Built, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Found, Path]:
    """A remembered ground, and the copy of its dynamic loader, which may be changed."""
    from gotee.image import load, stamps

    monkeypatch.setattr(stamps, "SETTLED", 0)
    copy = tmp_path / "loader"
    shutil.copyfile(built.places["/base/loader"], copy)
    places = {**built.places, "/base/loader": str(copy)}
    signature = for_development(built.measurement)
    loading = load.Loading(built.stream, signature, places)
    for stage in load.STAGES:
        loading.finish(stage)
    for number in loading.loaded.descriptors:
        os.close(number)
    (tmp_path / "state" / "compared").mkdir(parents=True)
    compared.keep_ground(str(tmp_path / "state"), ground, places, loading.ground_stamps)
    recalled = compared.recall_ground(str(tmp_path / "state"))
    assert recalled is not None and recalled.ground == ground
    return recalled, copy


def test_a_remembered_ground_is_copied_and_sealed(found: tuple[Found, Path]) -> None:
    import fcntl

    found[0].begin()
    made = footing.Footing(found[0].ground, found[0].files)
    found[0].first()
    found[0].rest()
    assert {fcntl.fcntl(number, fcntl.F_GET_SEALS) for number in made.descriptors} == {SEALS}
    copy = os.pread(made.files["/base/loader"], 1 << 28, 0)
    assert copy
    assert found[1].read_bytes().startswith(copy)
    for number in made.descriptors:
        os.close(number)


def _copied(found: Found) -> None:
    found.begin()
    found.first()


def test_a_file_that_has_changed_since_is_not_taken_unverified(found: tuple[Found, Path]) -> None:
    data = found[1].read_bytes()
    found[1].write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="another file"):
        _copied(found[0])
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_changes_while_it_is_copied_is_not_taken(
    found: tuple[Found, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack: other bytes between the look at a file and the copy of it."""
    real = os.sendfile

    def swapping(out: int, source: int, offset: int, count: int) -> int:
        if os.path.samestat(os.fstat(source), found[1].stat()):
            with open(found[1], "r+b") as file:
                file.write(b"evil")
        return real(out, source, offset, count)

    monkeypatch.setattr(os, "sendfile", swapping)
    with pytest.raises(OSError, match="another file"):
        _copied(found[0])


def test_an_interpreter_of_another_ground_gets_no_image(tmp_path: Path) -> None:
    """One whose first code is not the image's would say so, and end: the program must not run in it."""
    file = tmp_path / "doubling.py"
    file.write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    kept |= {"PYTHONPATH": os.pathsep.join(sys.path[1:]), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    kept |= {"XDG_STATE_HOME": str(tmp_path / "state"), "GOTEE_IMAGE": str(tmp_path / "doubling.sgxs")}

    def run(*words: str) -> str:
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=kept, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("-m", "gotee", "build", "doubling.py")
    newest = max(path.stat().st_ctime for path in (tmp_path / "cache").rglob("*"))
    while time.time() <= newest + 1.01:  # what has changed just now is not remembered
        time.sleep(0.01)
    assert run("doubling.py") == "42\n"
    (remembered,) = (tmp_path / "state").rglob("ground-*")
    honest = remembered.read_bytes()
    block = {name: bytes(part) for name, part in parts.unpack(honest).items()}
    block["boot"] = marshal.dumps(compile("def start(words): raise SystemExit(9)", "other", "exec"))
    remembered.write_bytes(parts.pack(block))
    assert run("doubling.py") == "42\n"  # in another interpreter, of the image's own ground
    assert remembered.read_bytes() == honest
    assert run("doubling.py") == "42\n"


def test_memory_of_which_the_kernel_holds_a_page_is_sealed_when_it_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """F_ADD_SEALS fails with EBUSY while the kernel moves a page: under load a start failed by that."""
    import errno
    import fcntl

    from gotee.image.memory import memory

    real, busy = fcntl.fcntl, [2]

    def held(number: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_ADD_SEALS and busy[0]:
            busy[0] -= 1
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return real(number, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", held)
    number = memory("test", b"sealed")
    assert real(number, fcntl.F_GET_SEALS) == SEALS
    os.close(number)
    busy[0] = 1000
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="busy"):
        memory("test", b"never")
    assert len(os.listdir("/proc/self/fd")) == before
