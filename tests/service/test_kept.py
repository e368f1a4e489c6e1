"""The interpreter that the service keeps for the next enclave: used once, by who has an image of its ground."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import marshal
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Set
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gotee.boundary import plain_json
from gotee.errors import ImageError
from gotee.host import service as client
from gotee.host import service_ahead
from gotee.host.ahead import Begun
from gotee.host.service_status import ask, connect
from gotee.host.start import Image, Started
from gotee.image import pages, parts
from gotee.image.contents import contents_of
from gotee.image.sign import for_development
from gotee.platform import birth, sandbox
from gotee.platform.numbers import numbers
from gotee.platform.service import kept as kept_module
from gotee.platform.service import wire
from gotee.platform.service.base import Base
from gotee.platform.service.daemon import Daemon, _Running
from gotee.platform.service.kept import Keeper, Waiting
from gotee.platform.service.settings import Settings

from .conftest import ADA, LIBC, Service, await_up
from .test_service import ATTACKS, _tried, as_user

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
_RECVMSG = numbers(os.uname().machine)["recvmsg"]


@pytest.fixture
def keeping(installation: Settings, tmp_path: Path) -> Iterator[Service]:
    running = Service(replace(installation, kept=1), tmp_path)
    yield running
    running.stop()
    assert running.nobody_left()


def kept(service: Service, but: Set[int] = frozenset()) -> set[int]:
    """The processes of the interpreter that waits, once it has shut itself in: all of enclaves that are not `but`."""
    for _ in range(3000):
        found = {pid for pid in service.pids() if _enclave(pid)} - but
        if ask(service.settings.socket)[0].get("kept") == 1 and any(map(_waits, found)):
            return found
        time.sleep(0.02)
    pytest.fail("nothing is kept")


def _enclave(pid: int) -> bool:
    """Not what the service itself starts as an enclave's user."""
    try:
        return b"gotee.enclave" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _waits(pid: int) -> bool:
    """For descriptors, which is where an interpreter that has shut itself in waits for an image."""
    try:
        return Path(f"/proc/{pid}/syscall").read_text().split()[0] == str(_RECVMSG)
    except OSError:
        return False


def start(service: Service, image: Image) -> Started:
    return await_up(client.start(image, "ring", service.settings.socket))


def end(started: Started) -> None:
    started.control.close()
    started.link.close()


def gone(service: Service, pids: Set[int]) -> bool:
    for _ in range(3000):
        if not pids & set(service.pids()):
            return True
        time.sleep(0.02)
    return False


def of_another_ground(image: Image) -> Image:
    """The same program, with another first line of its first code: as good an image as any."""
    block = contents_of(image.stream)[1]
    code = marshal.loads(block["boot"])
    block["boot"] = marshal.dumps(code.replace(co_filename="/gotee/enclave/other.py"))
    stream = pages.stream_of(parts.pack(block), 1)
    return Image(stream, for_development(hashlib.sha256(stream).digest()), image.places)


def test_the_next_enclave_is_the_interpreter_that_was_kept_and_each_serves_once(keeping: Service, image: Image) -> None:
    first = kept(keeping)
    one = start(keeping, image)
    assert first <= set(keeping.pids())
    second = kept(keeping, but=first)
    other = start(keeping, image)
    assert first | second <= set(keeping.pids())
    end(one)
    assert gone(keeping, first)
    assert second <= set(keeping.pids())  # it serves the other image, and the next is a third
    third = kept(keeping, but=second)
    end(other)
    assert gone(keeping, second)
    assert third <= set(keeping.pids())


def test_one_that_was_killed_is_replaced(keeping: Service, image: Image) -> None:
    first = kept(keeping)
    for pid in first:
        with suppress(ProcessLookupError):  # each ends with the other
            os.kill(pid, signal.SIGKILL)
    second = kept(keeping, but=first)
    one = start(keeping, image)
    assert second <= set(keeping.pids())
    end(one)


def test_an_image_of_another_ground_is_not_handed_to_it(keeping: Service, image: Image) -> None:
    waiting = kept(keeping)
    one = start(keeping, of_another_ground(image))
    used = {pid for pid in keeping.pids() if _enclave(pid)} - waiting
    assert used
    end(one)
    assert gone(keeping, used)
    assert waiting <= set(keeping.pids())


def test_an_installation_of_the_base_anew_replaces_the_one_that_waits(keeping: Service, image: Image) -> None:
    """Images fit the new base only: the old one would wait for ever, and all enclaves start as if none was kept."""
    first = kept(keeping)
    os.utime(f"{keeping.settings.prefix}/ground", (1, 1))
    end(start(keeping, of_another_ground(image)))
    kept(keeping, but=first)
    assert gone(keeping, first)


def test_a_session_that_never_asked_is_counted_once_when_the_service_stops(installation: Settings) -> None:
    listener, master = wire.pair()
    answers, asks = wire.pair()
    daemon = Daemon(installation, listener, master, ())
    ended = subprocess.Popen(["true"])
    number = os.pidfd_open(ended.pid)
    daemon._users[ADA] = 1
    daemon._running[number] = daemon._asking[answers.fileno()] = _Running(ended.pid, ADA, answers)
    for descriptor in (listener.fileno(), master.fileno(), number, answers.fileno()):
        daemon._poll.register(descriptor, select.POLLIN)
    daemon._wait_for_sessions()
    assert (daemon._running, daemon._asking, dict(daemon._users)) == ({}, {}, {})
    wire.close(daemon._closing)
    for end in (listener, master, asks):
        end.close()
    ended.wait()


def test_one_that_waits_is_given_for_its_own_ground_once_it_runs() -> None:
    """The base may have been changed between a session's look at it and its question."""
    near, far = wire.pair()
    gate, inside = wire.pair()
    keeper = Keeper(cast(Base, None))
    keeper._waiting, keeper._name = Waiting(near, gate, os.open(os.devnull, os.O_RDONLY)), b"its own"
    assert not keeper.fits(b"its own")
    wire.send(far, {"pid": 1})
    assert keeper.hear()
    assert keeper.fits(b"its own")
    assert not keeper.fits(b"another")
    for descriptor in keeper.drop():
        os.close(descriptor)
    assert not keeper.fits(b"its own")
    far.close()
    inside.close()


class _Lends:
    """In the place of a footing: descriptors for one more interpreter."""

    def readers(self) -> tuple[int, ...]:
        return (os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY))


def _open_descriptors() -> set[int]:
    listed = os.listdir("/proc/self/fd")  # with that of this look, which is closed now
    return {int(name) for name in listed if os.path.exists(f"/proc/self/fd/{name}")}


@pytest.mark.parametrize("fails", ["", "pipe", "beginning", "script", "readers", "send", "ask"])
def test_what_one_is_started_with_stays_open_nowhere_else(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """The daemon lives long: it has the three of the one that waits, and none if it could not be started."""

    def refused(*given: object) -> None:
        raise OSError(errno.EMFILE, "too many")

    footing = _Lends()
    where = {"pipe": os, "beginning": sandbox, "script": birth, "readers": footing, "send": wire, "ask": kept_module}
    monkeypatch.setattr(birth, "numbered", lambda footing: (birth.Birth("python", [], {}), range(0)))
    if fails:
        monkeypatch.setattr(where[fails], fails, refused)
    keeper = Keeper(cast(Base, SimpleNamespace(footing=footing, name=b"its own")))
    spawner, master = wire.pair()
    before = _open_descriptors()
    news = keeper.fill(master)
    assert (news is None) == bool(fails)
    received = [] if fails else wire.receive(spawner, 1)[1]
    assert _open_descriptors() - before == {*keeper.descriptors, *received}
    for descriptor in (*keeper.drop(), *received):
        os.close(descriptor)
    assert _open_descriptors() == before
    spawner.close()
    master.close()


def test_nobody_reaches_into_the_one_that_waits(keeping: Service) -> None:
    waiting = kept(keeping)
    found = as_user(ADA, lambda: _tried(sorted(waiting)))
    assert isinstance(found, dict), found
    assert set(found) == set(ATTACKS)
    assert {name for name, results in found.items() if set(results) != {"PermissionError"}} == set()


def test_a_session_that_was_not_given_it_cannot_reach_it(keeping: Service, image: Image) -> None:
    """Who has its gate could hand it an image; sessions are forked from the daemon, which has it."""
    kept(keeping)
    user = keeping.settings.uid()
    while len(keeping.pids(user)) > 1:  # sessions that have told the status
        time.sleep(0.01)
    (daemon,) = keeping.pids(user)
    one = start(keeping, of_another_ground(image))
    (session,) = set(keeping.pids(user)) - {daemon}
    assert _sockets(daemon) and _sockets(session)
    assert _sockets(daemon) & _sockets(session) == set()
    end(one)


def _sockets(pid: int) -> set[str]:
    folder = f"/proc/{pid}/fd"
    links = (os.readlink(f"{folder}/{name}") for name in os.listdir(folder))
    return {link for link in links if link.startswith("socket:")} - _streams(pid)


def _streams(pid: int) -> set[str]:
    """Standard streams, which all of the service share."""
    return {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)}


def test_an_enclave_that_was_begun_ahead_waits_before_the_programs_code(keeping: Service, image: Image) -> None:
    begun = Begun("answer.sgxs", image.stream, image.signature, b"", plain_json.dumps(dict(image.places)))
    begun.kind = "ring"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOTEE_PLATFORM", keeping.settings.socket)
        service_ahead.begin(begun)
    while begun.handing:
        client.prepare(begun)
        time.sleep(0.01)
    assert not begun.link.wait(0.3)  # nothing came over the link, not even that it is ready
    end(await_up(client.go_on(begun)))


@pytest.mark.parametrize("places", [b"no JSON", b"[]", b'{"a": 1}', b"[" * 100_000])
def test_what_is_remembered_wrongly_is_told_by_the_first_call_and_not_by_the_import(
    service: Service, image: Image, monkeypatch: pytest.MonkeyPatch, places: bytes
) -> None:
    monkeypatch.setenv("GOTEE_PLATFORM", service.settings.socket)
    begun = Begun("answer.sgxs", image.stream, image.signature, b"", places)
    service_ahead.begin(begun)
    assert select.select([begun.platform.control], [], [], 60)[0]
    client.prepare(begun)  # as `import gotee` does
    with pytest.raises(ImageError, match="what is remembered of the places of the image's files is damaged"):
        client.go_on(begun)


def test_a_program_with_many_open_files_begins_ahead(
    service: Service, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """select(2) takes no descriptor above 1023."""
    monkeypatch.setenv("GOTEE_PLATFORM", service.settings.socket)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), max(hard, 2048)))
    try:
        begun = Begun("answer.sgxs", image.stream, image.signature, b"", plain_json.dumps(dict(image.places)))
        service_ahead.begin(begun)
        control = begun.platform.control
        begun.platform.control = socket.socket(fileno=fcntl.fcntl(control, fcntl.F_DUPFD_CLOEXEC, 1500))
        control.close()
        client.prepare(begun)
        end(await_up(client.go_on(begun)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_file_of_the_base_that_is_changed_before_it_is_loaded_ends_the_enclave(
    keeping: Service, tmp_path: Path
) -> None:
    """Archives of the base are verified when they are asked for: the attack is another file by then."""
    file = tmp_path / "later.py"
    file.write_text(LATER)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GOTEE_")},
        "GOTEE_PLATFORM": keeping.settings.socket,
        "BASE": keeping.settings.base,
    }
    folder = tmp_path / "base"
    shutil.copytree(keeping.settings.base, folder)
    try:
        done = run(file, environ)
    finally:
        for name in os.listdir(folder):
            Path(keeping.settings.base, name).write_bytes((folder / name).read_bytes())
    assert done == ["loaded []", "lost: True"], done


LATER = """
import os
from pathlib import Path

from gotee import EnclaveLost, gosecure


def first() -> str:
    import json

    return f"loaded {json.loads('[]')}"


def second() -> str:
    import unicodedata

    return unicodedata.name("a")


def main() -> None:
    print(gosecure(first).result())
    for file in Path(os.environ["BASE"]).iterdir():
        file.write_bytes(bytes(file.stat().st_size))
    try:
        print(gosecure(second).result())
    except EnclaveLost as lost:
        print("lost:", "is not the file that the image names" in str(lost))


if __name__ == "__main__":
    main()
"""


def run(file: Path, environ: dict[str, str]) -> list[str]:
    command = [sys.executable, "-m", "gotee", "run", "--level", "service", str(file)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_changed_base_keeps_nothing(installation: Settings, tmp_path: Path) -> None:
    shutil.copytree(installation.prefix, tmp_path / "opt", ignore=shutil.ignore_patterns("python", "code", "packages"))
    copy = Base(replace(installation, prefix=str(tmp_path / "opt")))
    assert copy.look() and copy.footing is not None
    assert not copy.look()  # it is read once
    row = next(file for file in copy.footing.ground.files if file.path == "/gotee/rooms.archive")
    file = tmp_path / "opt" / "base" / row[2]
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert copy.look() and copy.footing is None
    file.write_bytes(data)
    assert copy.look() and copy.footing is not None
    copy.close()


def test_the_status_tells_whether_one_waits(keeping: Service) -> None:
    kept(keeping)
    assert ask(keeping.settings.socket)[0]["kept"] == 1


def test_hosts_that_are_stopped_hold_up_nobody(keeping: Service, image: Image) -> None:
    """One holds what was kept, others a connection of which nothing or half has come."""

    def stopped(begin: Callable[[], object]) -> int:
        pid = os.fork()
        if not pid:
            try:
                os.setresuid(ADA, ADA, ADA)
                LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)  # it ends with a test process that is killed
                held = begin()
                os.kill(os.getpid(), signal.SIGSTOP)
                del held
            finally:
                os._exit(0)
        assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
        return pid

    def half() -> object:
        peer = connect(keeping.settings.socket)
        peer.send(b'{"gotee": 1, "link": 4, ')
        return peer

    first = kept(keeping)
    hosts = [stopped(lambda: start(keeping, image))]
    try:
        hosts += [stopped(lambda: connect(keeping.settings.socket)), stopped(half)]
        second = kept(keeping, but=first)
        end(start(keeping, image))
        assert gone(keeping, second)
        assert first <= set(keeping.pids())
        kept(keeping, but=first | second)
    finally:
        for pid in hosts:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert gone(keeping, first)
