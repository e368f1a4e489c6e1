"""Which ocalls are served where their message is received: those that wait for nobody. The rest goes to threads."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gotee.boundary.frames import LinkError
from gotee.boundary.messages import FROM_ENCLAVE, Kind, Message, pack, unpack
from gotee.boundary.ocalls import HEAD, Ocall, encode
from gotee.boundary.policy import Policy
from gotee.host import mounts
from gotee.host.ocalls import Service
from gotee.host.prompt import UNKNOWN, device_now


class Wire:
    """Keeps the answers."""

    blocks = None

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []

    def post(self, kind: int, id: int, argument: int, payload: bytes) -> None:
        assert kind == Kind.ANSWER
        self.answers.append((argument, payload))


class Host:
    """A service whose pool only keeps what it is given."""

    def __init__(self, folder: Path) -> None:
        self.wire = Wire()
        policy = Policy({"files": [f"{folder}/*:rw"]})
        self.service = Service(self.wire, policy, folder)  # type: ignore[arg-type]
        self.service.open()
        self.pooled: list[Any] = []
        self.service.pool.submit = self.pooled.append  # type: ignore[method-assign]
        self._last = 0

    def ask(self, kind: Ocall, payload: bytes) -> tuple[int, bytes] | None:
        """The answer, if it came at once."""
        self._last += 1
        before = len(self.wire.answers)
        self.service.prompt.on_ocall(message(self._last, kind, payload))
        return self.wire.answers[-1] if len(self.wire.answers) > before else None

    def run_pooled(self) -> tuple[int, bytes]:
        self.pooled.pop()()
        return self.wire.answers[-1]


def message(number: int, kind: Ocall, payload: bytes) -> Message:
    return unpack(pack(Kind.OCALL, number, kind, payload), FROM_ENCLAVE)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    one = Host(tmp_path)
    yield one
    one.service.close()


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "is_local", lambda device: True)


def opened(host: Host, path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> None:
    """Open as the first handle."""
    answer = host.ask(Ocall.OPEN, encode((os.fsencode(path), flags, 0o600))) or host.run_pooled()
    assert answer[0] == 0


def test_a_small_write_to_a_local_file_is_answered_at_once(host: Host, tmp_path: Path, local: None) -> None:
    opened(host, tmp_path / "x")
    assert host.ask(Ocall.WRITE, HEAD.pack(1, 0, 3) + b"abc") == (0, encode(3))
    assert host.ask(Ocall.HANDLE_STAT, encode((1,))) is not None
    assert (tmp_path / "x").read_bytes() == b"abc"
    assert host.pooled == []


@pytest.mark.parametrize("why", ["large", "remote", "synchronous"])
def test_a_write_that_may_take_long_is_left_to_a_thread(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(mounts, "is_local", lambda device: why != "remote")
    opened(host, tmp_path / "x", os.O_RDWR | os.O_CREAT | (os.O_SYNC if why == "synchronous" else 0))
    data = bytes((64 << 10) + 1) if why == "large" else b"abc"
    assert host.ask(Ocall.WRITE, HEAD.pack(1, 0, len(data)) + data) is None
    assert host.run_pooled() == (0, encode(len(data)))
    assert (tmp_path / "x").read_bytes() == data


def test_a_file_that_once_was_slow_is_left_to_threads(host: Host, tmp_path: Path, local: None) -> None:
    opened(host, tmp_path / "x")
    host.service.prompt.slow = -1
    assert host.ask(Ocall.WRITE, HEAD.pack(1, 0, 1) + b"a") == (0, encode(1))
    assert host.ask(Ocall.WRITE, HEAD.pack(1, 1, 1) + b"b") is None
    assert host.run_pooled() == (0, encode(1))
    assert (tmp_path / "x").read_bytes() == b"ab"


def test_a_read_gets_what_there_is_whoever_serves_it(host: Host, tmp_path: Path, local: None) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    opened(host, tmp_path / "x")
    for size, due in ((2, b"ab"), (9, b"abc")):
        answer = host.ask(Ocall.READ, HEAD.pack(1, 0, size)) or host.run_pooled()
        assert answer == (0, due)


def test_an_error_of_a_write_is_its_answer(host: Host, tmp_path: Path, local: None) -> None:
    (tmp_path / "x").touch()
    opened(host, tmp_path / "x", os.O_RDONLY)
    assert host.ask(Ocall.WRITE, HEAD.pack(1, 0, 1) + b"a") == (9, b"")  # EBADF


def test_a_file_system_in_memory_is_local_and_proc_is_not() -> None:
    assert not mounts.is_local(os.stat("/proc").st_dev)
    if os.path.ismount("/dev/shm"):
        assert mounts.is_local(os.stat("/dev/shm").st_dev)


def test_a_question_of_a_finalizer_may_come_before_one_that_has_its_number_already(host: Host) -> None:
    """Whatever trusted code does may be cut into by the collection of garbage, which closes files and sockets."""
    for number in (2, 1):
        host.service.on_ocall(message(number, Ocall.HOME, encode(())))
    assert len(host.wire.answers) == 2
    host.service.on_ocall(message(3, Ocall.LIST, encode((b"x",))))
    with pytest.raises(LinkError, match="twice"):
        host.service.on_ocall(message(3, Ocall.LIST, encode((b"x",))))


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """A file to which the kernel finds the way in its memory; of the name "free" beside it, it knows that it is."""
    path = tmp_path / "x"
    path.touch()
    assert not (tmp_path / "free").exists()
    if device_now(os.fsencode(path), True, True) == UNKNOWN:
        pytest.skip("this kernel does not say what is in its memory")
    return path


QUESTIONS: dict[Ocall, tuple[object, ...]] = {Ocall.STAT: (True,), Ocall.ACCESS: (os.R_OK,), Ocall.OPEN: (os.O_RDWR, 0)}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_path_in_the_kernel_s_memory_is_looked_at_and_opened_at_once(
    host: Host, known: Path, local: None, kind: Ocall
) -> None:
    answer = host.ask(kind, encode((os.fsencode(known), *QUESTIONS[kind])))
    assert answer is not None
    assert answer[0] == 0
    free = host.ask(kind, encode((os.fsencode(known.with_name("free")), *QUESTIONS[kind])))
    assert free == (0, encode(False)) if kind is Ocall.ACCESS else free == (errno.ENOENT, b"")
    assert host.pooled == []


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_path_that_is_not_of_this_machine_is_left_to_a_thread(
    host: Host, known: Path, monkeypatch: pytest.MonkeyPatch, kind: Ocall
) -> None:
    monkeypatch.setattr(mounts, "is_local", lambda device: False)
    assert host.ask(kind, encode((os.fsencode(known), *QUESTIONS[kind]))) is None
    assert host.run_pooled()[0] == 0


@pytest.mark.parametrize("why", ["truncated", "made", "a FIFO"])
def test_what_opening_may_wait_for_is_left_to_a_thread(host: Host, known: Path, local: None, why: str) -> None:
    path, flags = known, os.O_RDWR
    if why == "truncated":
        flags |= os.O_TRUNC
    elif why == "made":
        path, flags = known.with_name("free"), flags | os.O_CREAT
    else:
        os.mkfifo(path := known.with_name("fifo"))
    assert host.ask(Ocall.OPEN, encode((os.fsencode(path), flags, 0o600))) is None
    assert host.run_pooled()[0] == 0


@pytest.mark.parametrize("kind", QUESTIONS)
def test_the_policy_is_asked_of_paths_in_the_kernel_s_memory_too(
    host: Host, known: Path, local: None, kind: Ocall
) -> None:
    assert host.ask(kind, encode((b"/etc/passwd", *QUESTIONS[kind]))) == (errno.EACCES, b"")
