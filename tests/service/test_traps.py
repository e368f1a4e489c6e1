"""The traps that level development has by its nature, each set at level service, where it catches nobody.

docs/how-to/service.md names them. That the attacks work where they can is shown in test_service.py, and by the thief.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gotee.boundary.messages import Kind, pack
from gotee.host import service as client
from gotee.host.service_status import connect
from gotee.host.start import Image, Started
from gotee.platform.service.settings import Settings

from .conftest import ADA, GOTEE, Service, await_up
from .test_service import ATTACKS, as_user

SECONDS = 60  # bounds a hang; nothing here takes so long
LIBC = ctypes.CDLL(None, use_errno=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.fixture(scope="module")
def running(installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all traps."""
    one = Service(installation, tmp_path_factory.mktemp("traps"))
    yield one
    one.stop()
    assert one.nobody_left()


@contextmanager
def enclave(service: Service, image: Image, kind: str = "ring") -> Iterator[Started]:
    """An enclave that has come up."""
    started = client.start(image, kind, service.settings.socket)
    try:
        yield await_up(started)
    finally:
        started.control.close()
        started.link.close()


def name_of(pid: int) -> str:
    """What the process was executed from; the kernel tells that to everybody."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


EARLY = ("open its memory", "ptrace, seize", "ptrace, attach", "process_vm_readv", "take a descriptor")


class Watch(threading.Thread):
    """Attacks each child of the spawner from its first moment on, again and again."""

    def __init__(self, spawner: int) -> None:
        super().__init__()
        self.spawner, self.own = spawner, name_of(spawner)
        self.over = threading.Event()
        self.got: list[str] = []
        self.seen: dict[int, set[str]] = {}

    def run(self) -> None:
        while not self.over.is_set():
            for word in Path(f"/proc/{self.spawner}/task/{self.spawner}/children").read_text().split():
                pid = int(word)
                self.seen.setdefault(pid, set()).add("before exec" if name_of(pid) == self.own else "after")
                for name in EARLY:
                    try:
                        ATTACKS[name](pid)
                    except OSError:
                        continue
                    self.got.append(name)


def test_no_descriptor_and_no_tracer_comes_early_enough(running: Service, image: Image) -> None:
    """/proc/PID/mem opened, and ptrace begun, before exec, across it, and behind it."""

    def host() -> list[Any]:
        watch = Watch(running.process.pid)
        watch.start()
        try:
            for _ in range(50):  # until one was attacked on both sides of its exec
                with enclave(running, image):
                    pass
                if any({"before exec", "after"} <= stages for stages in watch.seen.values()):
                    return ["both", watch.got]
        finally:
            watch.over.set()
            watch.join()
        return ["never seen before its exec", watch.got]

    assert as_user(ADA, host) == ["both", []]


def test_whoever_makes_a_user_namespace_gets_no_hold_of_what_is_started_for_it(running: Service, image: Image) -> None:
    """The host is root of a namespace of its own, with every capability there."""

    def host() -> dict[str, str]:
        connected = connect(running.settings.socket)  # before: in there nobody can be seen to be root
        client.connect = lambda path: connected  # type: ignore[attr-defined]  # in a process of its own
        if LIBC.unshare(0x10000000):
            return {"unshare": os.strerror(ctypes.get_errno())}
        LIBC.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: a change of user took its own /proc files from it
        Path("/proc/self/setgroups").write_text("deny")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/self/{name}").write_text(f"0 {ADA} 1")
        found = {"user": str(os.geteuid())}
        with enclave(running, image):
            for pid in running.pids():
                for name, attack in ATTACKS.items():
                    try:
                        attack(pid)
                        found[name] = "succeeded"
                    except PermissionError:
                        pass
                    except OSError as error:
                        found[name] = type(error).__name__
        return found

    found = as_user(ADA, host)
    if "unshare" in found:
        pytest.skip("no user namespaces here")
    assert found == {"user": "0"}


LIBRARY = """\
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
    FILE *file = fopen(PLACE, "a");
    if (file) { fprintf(file, "%d\\n", (int)getpid()); fclose(file); }
}
"""
PROGRAM = """\
import os
import sys

import helper
from gotee import gosecure


def inside() -> str:
    return helper.source()


if __name__ == "__main__":
    print(helper.source(), gosecure(inside).result(), flush=True)
    sys.stdin.read()
"""


def test_neither_ld_preload_nor_an_old_pyc_comes_into_an_enclave(running: Service, tmp_path: Path) -> None:
    """A real library, which the host's own process loads; and bytecode that the host believes for its date and size."""
    place = tmp_path / "loaded"
    place.touch()
    place.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (tmp_path / "library.c").write_text(LIBRARY)
    library = tmp_path / "library.so"
    words = ["-shared", "-fPIC", f'-DPLACE="{place}"', str(tmp_path / "library.c"), "-o", str(library)]
    subprocess.run(["cc", *words], check=True, timeout=SECONDS)
    helper = tmp_path / "helper.py"
    helper.write_text("def source(): return 'planted'\n")
    subprocess.run([sys.executable, "-m", "py_compile", str(helper)], check=True, timeout=SECONDS)
    planted = helper.stat()
    helper.write_text("def source(): return 'genuine'\n")
    os.utime(helper, ns=(planted.st_atime_ns, planted.st_mtime_ns))
    (tmp_path / "main.py").write_text(PROGRAM)
    host = subprocess.Popen(
        [*GOTEE, "run", "--level", "service", str(tmp_path / "main.py")],
        env={**os.environ, "GOTEE_PLATFORM": running.settings.socket, "LD_PRELOAD": str(library)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert host.stdout is not None and host.stdin is not None and host.stderr is not None
    try:
        said = host.stdout.readline()
        others = {running.process.pid, *running.pids(), *running.pids(running.settings.uid())}
    finally:
        host.stdin.close()
        complaint = host.stderr.read()
        host.wait(SECONDS)
        host.stdout.close()
        host.stderr.close()
    assert said == "planted genuine\n", complaint
    loaded = {int(line) for line in place.read_text().split()}
    assert host.pid in loaded
    assert len(others) >= 4  # spawner, daemon, session, enclave
    assert loaded & others == set()


def test_there_is_no_launcher_that_a_host_could_start_with_variables_of_its_own(running: Service) -> None:
    """One with rights of its own, or that cannot be read, would heed LD_PRELOAD as any other."""
    prefix = Path(running.settings.prefix)
    files = [path for path in prefix.rglob("*") if path.is_file()]
    assert [path for path in files if path.stat().st_mode & 0o6022 or not path.stat().st_mode & 0o004] == []
    assert [path for path in files if "security.capability" in os.listxattr(path)] == []
    command = [str(prefix / "bin" / "gotee-platform"), str(running.file)]
    words = ["setpriv", f"--reuid={ADA}", f"--regid={ADA}", "--clear-groups", *command]
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, env={"LD_PRELOAD": "/none.so"})
    assert done.returncode != 0
    assert "gotee-platform: ready" not in done.stdout


def test_what_lies_beside_the_interpreter_is_not_read_by_an_enclave(running: Service, image: Image) -> None:
    """Put there by root, since nobody else can: a pyvenv.cfg, a zip archive, and a module of the standard library."""
    version = "{}{}".format(*sys.version_info[:2])
    python = Path(running.settings.prefix, "python")
    library = python / "lib" / f"python{version[0]}.{version[1:]}"
    planted = [python / "pyvenv.cfg", python / "bin" / "pyvenv.cfg", python / "lib" / f"python{version}.zip"]
    encodings = library / "encodings" / "__init__.py"
    genuine = encodings.read_bytes()
    try:
        for file in planted:
            file.write_text("home = /nowhere\n")
        encodings.write_text("raise SystemExit('planted')\n")
        with enclave(running, image):
            assert len(running.pids()) >= 1
    finally:
        encodings.write_bytes(genuine)
        for file in planted:
            file.unlink()


def test_an_enclave_outlives_the_thread_that_had_it_started(running: Service, image: Image) -> None:
    """The parent-death signal comes when the thread ends that made the child: here that is the spawner's only one."""
    started: list[Started] = []
    thread = threading.Thread(target=lambda: started.append(client.start(image, "ring", running.settings.socket)))
    thread.start()
    thread.join()
    (one,) = started
    try:
        await_up(one)
        assert running.pids()
        assert {len(os.listdir(f"/proc/{pid}/task")) for pid in (running.process.pid,)} == {1}
    finally:
        one.control.close()
        one.link.close()


class Giving:
    """A socket that passes descriptors along with whatever is sent."""

    def __init__(self, real: Any, given: int) -> None:
        self._real, self._given = real, given

    def send(self, data: Any, flags: int) -> int:
        import array

        rights = [(1, 1, array.array("i", [self._given] * 3))]  # SOL_SOCKET, SCM_RIGHTS
        return int(self._real.sendmsg([data], rights, flags))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def descriptors(pids: list[int]) -> dict[int, list[str]]:
    return {pid: sorted(os.listdir(f"/proc/{pid}/fd")) for pid in pids}


def test_descriptors_that_a_host_sends_on_the_link_do_not_arrive(running: Service, image: Image) -> None:
    with enclave(running, image, "stream") as started:
        before = descriptors(running.pids())
        given, other = os.pipe()
        link: Any = started.link
        link._socket = Giving(link._socket, given)
        assert started.link.try_send(pack(Kind.PROBE, 1))
        while started.link.try_recv() is None:  # it has read what carried them
            assert started.link.wait(SECONDS)
        assert descriptors(running.pids()) == before
        assert before
        os.close(given)
        os.close(other)


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]


def load_filter() -> None:
    """A filter of system calls that allows all."""
    LIBC.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    assert LIBC.prctl(22, 2, ctypes.byref(Filter(1, struct.pack("<HBBI", 6, 0, 0, 0x7FFF0000))), 0, 0) == 0


def inherited(pid: int) -> dict[str, str]:
    """What a process has of whoever started it."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    names = ("Umask", "SigBlk", "SigIgn", "Seccomp", "Seccomp_filters", "NoNewPrivs", "Cpus_allowed")
    found = {name: status.get(name, "") for name in names}
    found["nice"] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16]
    return found | {"limits": Path(f"/proc/{pid}/limits").read_text()}


def test_nothing_that_a_host_is_set_to_reaches_its_enclave(running: Service, image: Image) -> None:
    """A filter of system calls, which may answer falsely, limits, signals, priority: all stay over exec and fork."""

    def host(strange: bool) -> list[dict[str, str]]:
        with enclave(running, image):
            pass  # the first one of a fresh service may have another number of threads when it is looked at
        if strange:
            load_filter()
            os.umask(0)
            os.nice(5)
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))
        with enclave(running, image):
            return [inherited(os.getpid()), *map(inherited, running.pids())]

    plain, strange = (as_user(ADA, lambda strange=strange: host(strange)) for strange in (False, True))
    assert isinstance(plain, list) and isinstance(strange, list), (plain, strange)
    assert {name for name in strange[0] if strange[0][name] != plain[0][name]} >= {
        *("Umask", "SigBlk", "SigIgn", "Seccomp_filters", "nice", "limits")
    }
    assert len(plain) > 1
    assert strange[1:] == plain[1:]


WORDS = {"", "-", "--inhibit-cache", "--argv0", "/proc/self/python", "--preload", "-P", "-s", "-S", "-B", "debug"}
WORDS |= {"gotee.enclave"}


def test_an_enclave_has_one_variable_a_public_command_line_and_can_leave_no_core(
    running: Service, image: Image
) -> None:
    with enclave(running, image):
        pids = running.pids()
        for pid in pids:
            assert Path(f"/proc/{pid}/environ").read_bytes().startswith(b"PYTHONHOME=/proc/self/fd/")
            assert Path(f"/proc/{pid}/environ").read_bytes().count(b"=") == 1
            for word in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                plain = word.replace("/proc/self/fd/", "").replace(",", "").replace(":", "")
                assert plain.isdigit() or word in WORDS, word
        for pid in (*pids, *running.pids(running.settings.uid()), running.process.pid):
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0  # not dumpable: the kernel gives its files to root
        limits = [Path(f"/proc/{pid}/limits").read_text() for pid in pids]
        cores = [line.split() for text in limits for line in text.splitlines() if line.startswith("Max core")]
        assert {int(most) for line in cores for most in line[4:6]} <= {0, 1}
