"""Level service: what it keeps out, what it bounds, and how it ends."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gotee.errors import EnclaveLost, ImageError, UsageError
from gotee.host import service as client
from gotee.host.service_status import connect, look
from gotee.host.start import Image
from gotee.image.memory import memory
from gotee.platform.service import exclusive, wire
from gotee.platform.service.settings import Settings, require_safe
from gotee.platform.service.visits import BURST, RATE, Owners, Visits

from .conftest import ADA, BOB, GOTEE, PROGRAM, Service, await_up

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
LIBC = ctypes.CDLL(None, use_errno=True)


def as_user(uid: int, action: Callable[[], Any]) -> Any:
    """What `action` returns in a process of that user, which has no rights of ours left."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(write, json.dumps(action()).encode())
        except BaseException as error:
            os.write(write, json.dumps(f"{type(error).__name__}: {error}").encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    return json.loads(said)


def test_a_program_runs_at_level_service_and_says_what_that_protects(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "answer.py"
    file.write_text(PROGRAM)
    environ = {**os.environ, "GOTEE_PLATFORM": service.settings.socket}
    done = subprocess.run(
        [*GOTEE, "run", "--level", "service", str(file)], capture_output=True, text=True, env=environ, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    assert "level service" in done.stderr
    assert "not from root, kernel, hardware" in done.stderr


def test_layers_that_are_required_reach_the_sandbox_also_here(service: Service, image: Image) -> None:
    with pytest.raises(ImageError, match="nonsense"):
        client.start(image, "ring", service.settings.socket, "nonsense")


def test_without_a_service_the_error_names_cause_and_cure(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gotee platform install"):
        connect(str(tmp_path / "none.sock"))


def test_a_socket_that_is_not_roots_is_no_service(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    path = f"/tmp/gotee-fake-{os.getpid()}.sock"

    def serve() -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        listener.listen()
        time.sleep(60)

    pid = os.fork()
    if not pid:
        os.umask(0)
        os.setresuid(ADA, ADA, ADA)
        serve()
        os._exit(0)
    try:
        said = ""
        for _ in range(6000):
            with pytest.raises(UsageError) as refused:
                connect(path)
            said = str(refused.value)
            if "none runs" not in said and "cannot be reached" not in said:
                break
            time.sleep(0.01)
        assert f"made by user {ADA}" in said
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.unlink(path)


@pytest.mark.parametrize("last", [{"ended": "the platform was stopped"}, None], ids=["with a word", "without"])
def test_a_service_that_ends_while_an_enclave_starts_is_a_loss_with_its_reason(
    tmp_path: Path, image: Image, last: dict[str, Any] | None
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root's socket is believed")
    path = str(tmp_path / "platform.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        pid = os.fork()
        if not pid:
            with listener.accept()[0] as peer:
                wire.receive(peer, None)
                if last is not None:
                    wire.send(peer, last)
            os._exit(0)
        reason = "the platform was stopped" if last else "has closed the connection"
        with pytest.raises(EnclaveLost, match=f"ended while the enclave was being started: .*{reason}"):
            client.start(image, "ring", path)
    assert os.waitpid(pid, 0)[1] == 0


def _mem(pid: int) -> None:
    os.open(f"/proc/{pid}/mem", os.O_RDWR)


def _call(name: str, *arguments: Any) -> None:
    ctypes.set_errno(0)
    if getattr(LIBC, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def _getfd(pid: int) -> None:
    _call("syscall", 438, os.pidfd_open(pid), 3, 0)


def _vm_readv(pid: int) -> None:
    class Piece(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    buffer = ctypes.create_string_buffer(8)
    here, there = Piece(ctypes.addressof(buffer), 8), Piece(0x400000, 8)
    _call("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)


ATTACKS: dict[str, Callable[[int], object]] = {
    "open its memory": _mem,
    "process_vm_readv": _vm_readv,
    "ptrace, attach": lambda pid: _call("ptrace", 16, pid, None, None),
    "ptrace, seize": lambda pid: _call("ptrace", 0x4206, pid, None, None),
    "take a descriptor": _getfd,
    "list its descriptors": lambda pid: os.listdir(f"/proc/{pid}/fd"),
    "read its environment": lambda pid: Path(f"/proc/{pid}/environ").read_bytes(),
    "read its maps": lambda pid: Path(f"/proc/{pid}/maps").read_bytes(),
    "enter its root": lambda pid: os.listdir(f"/proc/{pid}/root"),
    "open its namespace": lambda pid: os.open(f"/proc/{pid}/ns/user", os.O_RDONLY),
    "kill it": lambda pid: os.kill(pid, signal.SIGKILL),
    "stop it": lambda pid: os.kill(pid, signal.SIGSTOP),
    "change its limits": lambda pid: _call("prlimit", pid, 4, ctypes.byref((ctypes.c_uint64 * 2)(9, 9)), None),
    "move it to a processor": lambda pid: os.sched_setaffinity(pid, {0}),
    "change its priority": lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 5),
}


def _tried(pids: list[int]) -> dict[str, list[str]]:
    """What each attack on each process led to."""
    found: dict[str, list[str]] = {}
    for name, attack in ATTACKS.items():
        for pid in pids:
            try:
                attack(pid)
                found.setdefault(name, []).append("succeeded")
            except OSError as error:
                found.setdefault(name, []).append(type(error).__name__)
    return found


@pytest.mark.parametrize("attacker", [ADA, BOB], ids=["the host's own user", "another user"])
def test_nobody_reaches_into_an_enclave_or_the_platform(service: Service, image: Image, attacker: int) -> None:
    ready_read, ready_write = os.pipe()
    end_read, end_write = os.pipe()

    def host() -> object:
        started = client.start(image, "ring", service.settings.socket)
        await_up(started)
        os.write(ready_write, b"r")
        result = None
        if attacker == ADA:  # the very process that had the enclave started
            result = _tried(targets())
        else:
            os.read(end_read, 1)
        return result

    def targets() -> list[int]:
        return [*service.pids(), *service.pids(service.settings.uid())]

    if attacker == ADA:
        found = as_user(ADA, host)
    else:
        pid = os.fork()
        if not pid:
            os.close(end_write)
            as_user(ADA, host)
            os._exit(0)
        os.read(ready_read, 1)
        found = as_user(BOB, lambda: _tried(targets()))
        os.close(end_write)
        os.waitpid(pid, 0)
    for descriptor in (ready_read, ready_write, end_read):
        os.close(descriptor)
    assert isinstance(found, dict), found
    assert set(found) == set(ATTACKS)
    assert {name for name, results in found.items() if set(results) != {"PermissionError"}} == set()
    assert len(found["kill it"]) >= 3  # the enclave, the daemon, its session


def test_an_enclave_cannot_be_reached_although_the_same_attacks_work_on_ones_own_process() -> None:
    """The attacks themselves are sound: on a plain child of the same user they succeed."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")

    def attack() -> dict[str, list[str]]:
        child = subprocess.Popen(["/bin/sleep", "60"], env={})
        time.sleep(0.2)
        try:
            ways = ("open its memory", "list its descriptors", "read its environment", "ptrace, seize")
            found = {}
            for name in ways:
                ATTACKS[name](child.pid)
                found[name] = ["succeeded"]
            return found
        finally:
            child.kill()
            child.wait()

    found = as_user(ADA, attack)
    assert set(map(tuple, found.values())) == {("succeeded",)}, found


def _write(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))


def test_users_cannot_change_what_runs_nor_take_the_sockets_place(service: Service) -> None:
    settings = service.settings

    def attack() -> list[str]:
        done = []
        base = next(iter(os.listdir(settings.base)))
        ways: dict[str, Callable[[], object]] = {
            "write the base": lambda: _write(f"{settings.base}/{base}"),
            "add to the base": lambda: _write(f"{settings.base}/x"),
            "redirect the interpreter": lambda: os.open(
                f"{settings.prefix}/python/pyvenv.cfg", os.O_WRONLY | os.O_CREAT
            ),
            "put a zip beside it": lambda: os.open(
                f"{settings.prefix}/python/lib/python311.zip", os.O_WRONLY | os.O_CREAT
            ),
            "write code": lambda: _write(f"{settings.prefix}/code/start.py"),
            "remove the socket": lambda: os.unlink(settings.socket),
            "replace the socket": lambda: os.rename("/dev/null", settings.socket),
            "list the keys": lambda: os.listdir(settings.state),
            "make a folder beside it": lambda: os.mkdir(f"{settings.run}/early"),
        }
        for name, way in ways.items():
            try:
                way()
                done.append(name)
            except OSError:
                pass
        return done

    assert as_user(ADA, attack) == []


def test_an_installation_that_others_can_write_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give files away")
    place = tmp_path / "opt"
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(UsageError, match="can be changed by others"):
        require_safe(str(place))


def test_the_quota_of_a_user_is_an_error_that_names_it_and_leaves_others_alone(service: Service, image: Image) -> None:
    held = [connect(service.settings.socket) for _ in range(service.settings.enclaves_per_user)]
    try:
        with pytest.raises(ImageError, match="enclaves_per_user"):
            for _ in range(20):  # a connection is counted when the daemon has taken it
                client.start(image, "ring", service.settings.socket).link.close()
        found = look(service.settings)
        assert (found.running, found.enclaves, found.yours) == (True, len(held), len(held))
        assert "enclaves_per_user" in found.problem
        assert as_user(ADA, lambda: _served(image, service.settings.socket)) == "served"
    finally:
        for peer in held:
            peer.close()


def _served(image: Image, path: str) -> str:
    started = client.start(image, "ring", path)
    try:
        for _ in range(600):
            if started.link.try_recv() is not None:
                return "served"
            started.link.wait(0.1)
        return "silent"
    finally:
        started.control.close()
        started.link.close()


def _refusal(path: str, *packets: tuple[bytes, list[int]]) -> str:
    with connect(path) as peer:
        peer.settimeout(15)
        for data, descriptors in packets:
            socket.send_fds(peer, [data], descriptors)
        try:
            return str(wire.receive(peer)[0].get("refused"))
        except wire.Broken as error:
            return str(error)


def test_hostile_clients_are_refused_and_others_served(service: Service, image: Image) -> None:
    path = service.settings.socket
    pipe, other = os.pipe()
    plain = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    sealed = memory("test", b"no image")
    near, far = socket.socketpair()
    datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    hello = json.dumps({"gotee": 1, "link": 1}).encode()
    cases = {
        "garbage": [(b"\xff\x00garbage", [])],
        "no descriptors": [(hello, [])],
        "too many descriptors": [(hello, [sealed] * 100)],
        "a pipe as an image": [(hello, [pipe, sealed, near.fileno()])],
        "memory that can change": [(hello, [plain, sealed, near.fileno()])],
        "a datagram socket as a link": [(hello, [sealed, sealed, datagram.fileno()])],
        "a file as a link": [(hello, [sealed, sealed, sealed])],
        "no image": [(hello, [sealed, sealed, near.fileno()])],
        "another version": [(b'{"gotee": 99, "link": 1}', [sealed, sealed, near.fileno()])],
        "deep nesting": [(b"[" * 60000, [])],
        "silence": [],
    }
    try:
        answers = {name: _refusal(path, *packets) for name, packets in cases.items()}
        assert {name for name, answer in answers.items() if answer in ("None", "the other side is gone")} == set(), (
            answers
        )
        assert "patience" in answers["silence"]
        assert _served(image, path) == "served"
    finally:
        for descriptor in (pipe, other, plain, sealed):
            os.close(descriptor)
        for end in (near, far, datagram):
            end.close()


def test_a_user_who_connects_without_end_is_slowed_down_and_others_are_not() -> None:
    visits = Visits()
    assert sum(visits.may(ADA, now=1.0) for _ in range(10_000)) == BURST
    assert visits.may(BOB, now=1.0)
    assert sum(visits.may(ADA, now=1.0 + second) for second in range(1, 11) for _ in range(1000)) == 10 * RATE
    assert all(visits.may(user, now=20.0) for user in range(30_000))
    assert len(visits._left) <= 4096


def test_the_numbers_that_a_user_has_in_containers_count_as_that_users(tmp_path: Path) -> None:
    file = tmp_path / "subuid"
    owners = Owners(str(file))
    assert owners.of(100_000) == 100_000
    file.write_text(f"{ADA}:100000:65536\nroot:300000:10\nnobody-of-this-name:400000:5\nbroken\n:1:\n")
    assert [owners.of(user) for user in (99_999, 100_000, 165_535, 165_536)] == [99_999, ADA, ADA, 165_536]
    assert (owners.of(300_009), owners.of(400_000), owners.of(BOB)) == (0, 400_000, BOB)
    file.write_text(f"{BOB}:100000:65536\n# another\n")
    assert owners.of(100_000) == BOB


def test_a_thousand_connections_leave_the_service_usable(service: Service, image: Image) -> None:
    def flood() -> int:
        held = []
        for _ in range(1000):
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            peer.connect(service.settings.socket)
            held.append(peer)
        return len(held)

    assert as_user(ADA, flood) == 1000
    assert as_user(BOB, lambda: _served(image, service.settings.socket)) == "served"


def test_the_end_of_its_session_ends_an_enclave(service: Service, image: Image) -> None:
    started = [await_up(client.start(image, "ring", service.settings.socket)) for _ in range(2)]
    assert service.pids()
    platform = service.pids(service.settings.uid())
    for pid in set(platform) - {_daemon(platform)}:
        os.kill(pid, signal.SIGKILL)
    assert _enclaves_end(service)
    for one in started:
        one.control.close()
        one.link.close()


def _daemon(platform: list[int]) -> int:
    parents = {}
    for pid in platform:
        with suppress(OSError):  # a session that only told the status has ended
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return next(pid for pid, parent in parents.items() if parent not in parents)


def test_a_session_that_is_held_up_does_not_hold_the_services_lock(service: Service) -> None:
    """A host may hand over a file of a file system of its own: who closes that waits as long as the host likes."""
    with connect(service.settings.socket):
        for _ in range(6000):
            platform = service.pids(service.settings.uid())
            if len(platform) > 1:
                break
            time.sleep(0.01)
        held = {pid: {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")} for pid in platform}
        daemon = _daemon(platform)
        locks = {f"{service.settings.run}/lock", exclusive.FILE}
        assert locks <= held.pop(daemon)
        assert held
        assert [pid for pid, files in held.items() if locks & files] == []


def test_the_end_of_a_host_ends_its_enclave_also_when_a_child_keeps_the_socket(service: Service, image: Image) -> None:
    def host() -> str:
        await_up(client.start(image, "ring", service.settings.socket))
        if not os.fork():
            os.closerange(0, 3)
            time.sleep(8)
            os._exit(0)
        return "started"

    assert as_user_without_waiting(host)
    assert _enclaves_end(service)


def as_user_without_waiting(action: Callable[[], str]) -> bool:
    pid = os.fork()
    if not pid:
        os.setresgid(ADA, ADA, ADA)
        os.setresuid(ADA, ADA, ADA)
        try:
            action()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _enclaves_end(service: Service) -> bool:
    for _ in range(3000):
        if not service.pids():
            return True
        time.sleep(0.02)
    return False


def test_the_status_tells_the_truth_before_and_after(service: Service) -> None:
    words = [*GOTEE, "platform", "status", "--json", "--config", str(service.file)]
    running = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (running.returncode, json.loads(running.stdout)["running"]) == (0, True)
    again = subprocess.run(
        [*GOTEE, "platform", "install", "--no-unit", "--config", str(service.file)], capture_output=True, text=True
    )
    assert (again.returncode, service.process.poll()) == (2, None)
    assert "the service runs: end it first" in again.stderr
    service.stop()
    stopped = subprocess.run(words, capture_output=True, text=True, check=False)
    found = json.loads(stopped.stdout)
    assert (stopped.returncode, found["running"], found["installed"]) == (1, False, True)
    assert "gotee platform run" in found["problem"]


def test_an_installation_that_does_not_fit_names_where_it_was_to_go(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    most = 1 << 20
    if os.geteuid() != 0:
        pytest.skip("installing needs root")
    places = [f"--prefix={tmp_path}/opt", f"--state={tmp_path}/state", f"--socket={tmp_path}/run/s", "--user=60705"]
    done = subprocess.run(
        [*GOTEE, "platform", "install", "--no-unit", f"--config={tmp_path}/platform.toml", *places],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"gotee: error: {tmp_path}/opt.new"), done.stderr
    assert done.stderr.endswith(": File too large\n")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("part", ["code", "base", "bin/gotee-platform"])
def test_half_an_installation_is_none_and_says_what_is_missing(
    installation: Settings, tmp_path: Path, part: str
) -> None:
    file = tmp_path / "platform.toml"
    file.write_text(installation.text())
    there, away = Path(installation.prefix, part), Path(installation.prefix, "away")
    there.rename(away)
    try:
        for verb in ("status", "run"):
            words = [*GOTEE, "platform", verb, "--config", str(file)]
            done = subprocess.run(words, capture_output=True, text=True, timeout=60)
            assert done.returncode != 0
            said = done.stdout + done.stderr
            assert "is missing: `gotee platform install` again, as root" in said
            assert (verb, "installed  no" in said) in (("status", True), ("run", False))
    finally:
        away.rename(there)


def test_the_unit_file_is_one(installation: Settings, tmp_path: Path) -> None:
    import shutil

    from gotee.host import unit

    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    file = tmp_path / unit.NAME
    file.write_text(unit.text(installation, "/etc/gotee/platform.toml"))
    done = subprocess.run([verify, "verify", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.NAME in line]) == (0, [])
    words = [verify, "security", "--offline=yes", "--threshold=35", str(file)]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.returncode == 0 or "unrecognized option" in said.stderr, said.stdout  # before version 250


def test_a_service_runs_enclaves_without_what_its_unit_takes_from_it(
    installation: Settings, image: Image, tmp_path: Path
) -> None:
    """Where no systemd runs: no network, and no memory that was written and can run (PR_SET_MDWE of Linux 6.3)."""

    def first() -> None:
        LIBC.unshare(0x40000000)  # CLONE_NEWNET
        LIBC.prctl(65, 1, 0, 0, 0)

    service = Service(installation, tmp_path, first)
    try:
        started = await_up(client.start(image, "ring", installation.socket))
        started.control.close()
        started.link.close()
    finally:
        service.stop()
    assert service.nobody_left()
