"""What an interpreter is started on before an image is known: equal part by part, or not used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gotee.compiler.remembered import partition
from gotee.errors import ImageError
from gotee.image.build import Built, build
from gotee.image.contents import contents_of
from gotee.image.ground import Ground, of_image
from gotee.image.memory import SEALS

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
