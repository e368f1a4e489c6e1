"""A thief: an enclave makes a key, and the host half of the same program tries to steal it.

    gotee run examples/thief/thief.py
    gotee run --level service examples/thief/thief.py

A key counts as stolen only if an HMAC that the host makes with it is the one that the enclave made.
"""

from __future__ import annotations

import ctypes
import errno
import hmac
import json
import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from socket import AF_UNIX, SO_PEERCRED, SOCK_SEQPACKET, SOL_SOCKET, socket

from gotee import gosecure

# The key lies behind this public text, or nobody could find 32 bytes in a whole memory. It makes the theft easier.
MARKER = b"the key of the enclave follows: "
CHALLENGE = b"prove it"
held: list[bytes] = []


# -- inside ---------------------------------------------------------------------------------------------


def tag(message: bytes) -> bytes:
    """The HMAC of a message, with a key that is made at the first use and never returned."""
    if not held:
        held.append(MARKER + os.urandom(32))
    return hmac.digest(held[0][len(MARKER) :], message, "sha256")


# -- outside: what the attempts share ---------------------------------------------------------------------

CHUNK = 1 << 20
PERF_EVENT_OPEN = 298 if os.uname().machine == "x86_64" else 241


@dataclass
class Found:
    """What an attempt led to."""

    inside: bool = False
    stolen: bool = False
    why: str = ""


@dataclass
class Prey:
    """The processes behind one enclave, and what was opened while they started."""

    proof: bytes = b""
    enclaves: list[int] = field(default_factory=list)
    platform: list[int] = field(default_factory=list)
    early: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # descriptors of mem and maps
    reached: dict[int, str] = field(default_factory=dict)  # when each was first seen; empty if its memory could be read


def service() -> bool:
    return os.environ.get("GOTEE_LEVEL") == "service"


def call(name: str, *arguments: object) -> int:
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def text_of(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    return int((text_of(pid, "stat").rpartition(")")[2].split() or ["", "0"])[1])


def processes() -> set[int]:
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def descends(pid: int, root: int) -> bool:
    while pid > 1 and pid != root:
        pid = parent_of(pid)
    return pid == root


def is_enclave(pid: int) -> bool:
    words = text_of(pid, "cmdline")
    return "--inhibit-cache" in words and "--preload /proc/self/fd" in words


def below(pid: int) -> set[int]:
    found = {int(word) for word in text_of(pid, f"task/{pid}/children").split()}
    return found.union(*(below(child) for child in found))


def spawner_of(pid: int) -> int:
    """The service's process that started it, with the copied loader; the daemon and sessions are below that too."""
    while pid > 1 and (is_enclave(pid) or "--inhibit-cache" not in text_of(pid, "cmdline")):
        pid = parent_of(pid)
    return pid if pid > 1 else 0


@cache
def root_of_service() -> int:
    """The process that made the service's socket: there may be several services."""
    path = os.environ.get("GOTEE_PLATFORM") or "/run/gotee/platform.sock"
    with socket(AF_UNIX, SOCK_SEQPACKET) as peer:
        peer.connect(path)
        pid: int = struct.unpack("iII", peer.getsockopt(SOL_SOCKET, SO_PEERCRED, 12))[0]
    return pid


def ours(before: set[int], root: int) -> list[int]:
    """What has started for this program: its descendants; at level service, new enclaves and what started them."""
    new = processes() - before
    if not service():
        return sorted(pid for pid in new if pid != root and descends(pid, root))
    found: set[int] = set()
    for pid in new:
        spawner = spawner_of(pid) if is_enclave(pid) else 0
        if (
            spawner == root_of_service()
        ):  # no enclave that a program of this user has at level development at the same time
            found |= {pid, spawner, *(child for child in below(spawner) if not is_enclave(child))}
    return sorted(pid for pid in found if not descends(os.getpid(), pid))


def switches(pid: int) -> int:
    """How often it was put to sleep and woken: it tells whether a process has done anything."""
    lines = [line for line in text_of(pid, "status").splitlines() if "ctxt_switches" in line]
    return sum(int(line.split()[1]) for line in lines)


def waiting() -> dict[int, int]:
    """Level service keeps an interpreter for the next enclave: enclaves that do nothing, and their switches."""
    found: dict[int, int] = {}
    for _ in range(20 if service() else 0):
        seen = {pid: switches(pid) for pid in processes() if is_enclave(pid) and spawner_of(pid) == root_of_service()}
        time.sleep(0.2)
        found = {pid: count for pid, count in seen.items() if switches(pid) == count}  # others work for somebody
        if found == seen:
            break
    return found


def used(waited: dict[int, int]) -> set[int]:
    """Those of them that became an enclave since, and the processes that wait for these."""
    found = {pid for pid, count in waited.items() if switches(pid) > count}
    return found | {pid for pid in waited if parent_of(pid) in found} | {parent_of(pid) for pid in found} & set(waited)


def stolen(data: bytes, proof: bytes) -> bool:
    """Whether what follows any marker in `data` makes the enclave's HMAC."""
    place = data.find(MARKER)
    while place >= 0:
        key = data[place + len(MARKER) :][:32]
        if len(key) == 32 and hmac.compare_digest(hmac.digest(key, CHALLENGE, "sha256"), proof):
            return True
        place = data.find(MARKER, place + 1)
    return False


def ranges(maps: str) -> Iterator[tuple[int, int]]:
    """The readable and writable pieces of a memory."""
    for line in maps.splitlines():
        words = line.split()
        if words[1].startswith("rw"):
            first, last = words[0].split("-")
            yield int(first, 16), int(last, 16)


def search(read: Callable[[int, int], bytes], maps: str, proof: bytes, what: str) -> Found:
    """Look through a memory that can be read."""
    total = 0
    for first, last in ranges(maps):
        for place in range(first, last, CHUNK):
            with suppress(OSError):
                data = read(place, min(CHUNK + 64, last - place))  # a key may lie across the border
                total += min(len(data), CHUNK)
                if stolen(data, proof):
                    return Found(True, True, f"the key is in the memory of {what}")
    return Found(total > 0, False, f"read {total >> 10} KiB of {what}; the key is not there")


def each(pids: list[int], what: str, attempt: Callable[[int], Found]) -> Found:
    """The best that an attempt gets from any of the processes."""
    best = Found(why=f"no process of {what} is seen")
    for pid in pids:
        try:
            found = attempt(pid)
        except OSError as error:
            found = Found(why=f"{what}: {error.strerror}")
        if (found.stolen, found.inside) >= (best.stolen, best.inside):
            best = found
    return best


class Watch(threading.Thread):
    """Opens the memory of every process as soon as it is seen, again and again: exec gives it a new one."""

    def __init__(self, prey: Prey, before: set[int], root: int) -> None:
        super().__init__(daemon=True)
        self.prey, self.before, self.root = prey, before, root
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.001):
            for pid in ours(self.before, self.root):
                with suppress(OSError):
                    self.open(pid)

    def open(self, pid: int) -> None:
        if pid not in self.prey.reached:
            self.prey.reached[pid] = unreadable(pid)
        memory = os.open(f"/proc/{pid}/mem", os.O_RDWR)
        try:
            maps = os.open(f"/proc/{pid}/maps", os.O_RDONLY)
        except OSError:
            os.close(memory)
            raise
        pairs = self.prey.early.setdefault(pid, [])
        pairs.append((memory, maps))
        if len(pairs) > 40:
            for descriptor in pairs.pop(0):
                os.close(descriptor)


def caught(
    start: Callable[[], bytes], root: int, waited: dict[int, int], begun: Callable[[Watch], None] = Watch.start
) -> Prey:
    """Start an enclave and watch it start; `waited` was there before, `begun` begins to watch, at once or later."""
    prey = Prey()
    before = processes() - set(waited)  # one of these may become ours
    watch = Watch(prey, before, root)
    begun(watch)
    try:
        prey.proof = start()
    finally:
        watch.over.set()
        watch.join()
    new, kept = [pid for pid in ours(before, root) if pid not in waited], used(waited)
    # Where ours had been kept, a new one is kept for the next.
    prey.enclaves = sorted(kept) or [pid for pid in new if is_enclave(pid)]
    prey.platform = [pid for pid in new if not is_enclave(pid) and (service() or "platform" in text_of(pid, "cmdline"))]
    return prey


# -- outside: the attempts ----------------------------------------------------------------------------------


def memory_now(prey: Prey, pid: int, what: str) -> Found:
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
        return search(lambda place, size: os.pread(memory, size, place), maps, prey.proof, what)
    finally:
        os.close(memory)


def memory_early(prey: Prey, pid: int, what: str) -> Found:
    found = Found(why=f"{what}: no descriptor could be opened, however early")
    for memory, maps in reversed(prey.early.get(pid, [])):
        with suppress(OSError, ValueError):
            with open(os.dup(maps), encoding="utf-8", errors="replace") as file:
                text = file.read()
            found = search(lambda place, size, memory=memory: os.pread(memory, size, place), text, prey.proof, what)  # type: ignore[misc]
            if found.inside:
                break
    return found


class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def vm_readv(prey: Prey, pid: int) -> Found:
    def read(place: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        here, there = Piece(ctypes.addressof(buffer), size), Piece(place, size)
        got = call("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        return buffer.raw[:got]

    with suppress(OSError):
        return search(read, Path(f"/proc/{pid}/maps").read_text(), prey.proof, "the enclave")
    read(0x400000, 8)
    return Found(True, False, "reading is allowed, but not where to read")


def unreadable(pid: int) -> str:
    """Why its memory cannot be read; empty if it can, which reading from nowhere shows: that is another error."""
    buffer = ctypes.create_string_buffer(8)
    here, there = Piece(ctypes.addressof(buffer), 8), Piece(8, 8)
    try:
        call("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    except OSError as error:
        return "" if error.errno == errno.EFAULT else os.strerror(error.errno)
    return ""


def before_its_image(prey: Prey, pid: int) -> Found:
    """Its interpreter is started before its image is known, and at level service waits for the next image."""
    why = prey.reached.get(pid, "it was seen too late")
    if why:
        return Found(why=f"the enclave, when it was first seen: {why}")
    return Found(True, False, "its memory could be read, and there was no key yet")


def traced(prey: Prey, pid: int, request: int) -> Found:
    call("ptrace", request, pid, None, None)
    try:
        if request == 0x4206:  # seized: it must be stopped before it can be left again
            call("ptrace", 0x4207, pid, None, None)
        os.waitpid(pid, 0x40000000)
        return memory_now(prey, pid, "the enclave")
    finally:
        call("ptrace", 17, pid, None, None)


def descriptors(prey: Prey, pid: int, what: str = "the enclave") -> Found:
    handle = os.pidfd_open(pid)
    taken, key = 0, False
    refused = OSError(0, "no descriptor")
    try:
        for number in range(128):
            try:
                copy = call("syscall", 438, handle, number, 0)
            except OSError as error:
                refused = error
                continue
            taken += 1
            with suppress(OSError, ValueError), mmap.mmap(copy, 0, prot=mmap.PROT_READ) as view:
                key = key or stolen(view[:], prey.proof)
            os.close(copy)
    finally:
        os.close(handle)
    if not taken:
        raise refused
    return Found(True, key, f"{taken} descriptors of {what} were copied")


def proc_file(prey: Prey, pid: int, name: str) -> Found:
    data = Path(f"/proc/{pid}/{name}").read_bytes()
    return Found(True, stolen(data, prey.proof), f"{len(data)} bytes were read, and hold no key")


def fd_list(prey: Prey, pid: int) -> Found:
    names = os.listdir(f"/proc/{pid}/fd")
    return Found(True, False, f"{len(names)} descriptors were listed")


def link(prey: Prey) -> Found:
    """The memory that host and enclave share is the host's by right."""
    maps = "\n".join(line for line in Path("/proc/self/maps").read_text().splitlines() if line.split()[1] == "rw-s")
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        return search(lambda place, size: os.pread(memory.fileno(), size, place), maps, prey.proof, "messages")


def enter_user_namespace() -> None:
    """In a child, before it executes anything: a user namespace whose root we are, so /proc/PID/mem in it is ours."""
    user, group = os.getuid(), os.getgid()
    call("unshare", 0x10000000)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path(f"/proc/self/{name}").write_text(text)


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]


def load_filter() -> None:
    """In a child, before it executes anything: a filter of system calls, which stays over exec. This one allows all.

    It could answer as it likes: `getrandom` with success, and no random bytes, for one.
    """
    call("prctl", 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    allow = struct.pack("<HBBI", 6, 0, 0, 0x7FFF0000)
    call("prctl", 22, 2, ctypes.byref(Filter(1, allow)), 0, 0)  # PR_SET_SECCOMP


def filters(pid: int) -> int:
    """How many filters each of its system calls passes."""
    lines = dict(line.split(":", 1) for line in text_of(pid, "status").splitlines() if ":" in line)
    return int(lines.get("Seccomp_filters", "-1"))


def other_start(
    environment: dict[str, str], first: Callable[[], None] | None = None
) -> tuple[Prey, subprocess.Popen[str]]:
    """This program again, as a child that makes an enclave and waits; it calls `first` before anything else."""
    waited = waiting()
    process = subprocess.Popen(
        [sys.executable, "-m", "gotee", "run", __file__, "--prey"],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=first,
    )
    assert process.stdout is not None
    line = process.stdout
    return caught(lambda: bytes.fromhex(line.readline()), process.pid, waited), process


def user_namespace(_: Prey) -> Found:
    """Whoever made the user namespace in which a process was executed may trace it, dumpable or not."""
    if service():
        return namespace_of_the_host()
    try:
        prey, process = other_start({}, enter_user_namespace)
    except (OSError, subprocess.SubprocessError):
        return Found(why="no user namespace can be made here, or nothing runs in it")
    with process:
        if not prey.proof:
            return Found(why="no enclave starts in such a namespace")
        return each(prey.enclaves, "the enclave", lambda pid: memory_now(prey, pid, "the enclave"))


def namespace_of_the_host() -> Found:
    """At level service the host starts nothing: it is the host itself that is root of a namespace (see `within`)."""
    words = [sys.executable, "-m", "gotee", "run", __file__, "--within"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    try:
        return Found(*json.loads(done.stdout))
    except (ValueError, TypeError):
        return Found(why="not tried: no user namespace can be made here, or no enclave starts for a host in one")


def within() -> None:
    """Become root of a user namespace, have the service start an enclave, and reach for it with all rights in there."""
    from gotee.host import service as client
    from gotee.host.service_status import connect

    def begun(watch: Watch) -> None:
        def connecting(path: str) -> socket:
            connected = connect(path)  # before: in there, nobody can be seen to be root
            enter_user_namespace()  # a process with one thread may
            watch.start()
            return connected

        client.connect = connecting

    prey = caught(lambda: gosecure(tag, CHALLENGE).result(), os.getpid(), waiting(), begun)
    ways: tuple[Callable[[int], Found], ...] = (
        lambda pid: memory_early(prey, pid, "the enclave"),
        lambda pid: vm_readv(prey, pid),
        lambda pid: traced(prey, pid, 0x4206),
        lambda pid: descriptors(prey, pid),
        lambda pid: memory_now(prey, pid, "the enclave"),
    )
    tried = [each(prey.enclaves, "the enclave", way) for way in ways]
    best = max(tried, key=lambda found: (found.stolen, found.inside))
    why = best.why if best.inside else f"{len(ways)} ways tried as root of the host's namespace; {tried[-1].why}"
    print(json.dumps([best.inside, best.stolen, why]))


def answers(prey: Prey) -> Found:
    """A filter of system calls that the host loads before it starts an enclave may answer for the kernel."""
    plain = max(map(filters, prey.enclaves), default=-1)
    other, process = other_start({}, load_filter)
    with process:
        found = max(map(filters, other.enclaves), default=-1)
    if plain < 0 or found < 0:
        return Found(why="not tried: no enclave starts so, or the kernel does not say how many filters there are")
    if found > plain:
        return Found(
            True, False, "its calls pass a filter of ours, which could answer falsely: no bytes as random ones"
        )
    return Found(why="a filter that the host has loaded does not reach the enclave")


def counters(_: Prey, pid: int) -> Found:
    what = struct.pack("<IIQQQQQ", 1, 128, 0, 0, 0, 0, 0x60) + bytes(80)  # its time, not that of the kernel for it
    os.close(call("syscall", PERF_EVENT_OPEN, what, pid, -1, -1, 0))
    return Found(True, False, "what it executes can be counted and sampled")


def preload(_: Prey) -> Found:
    """LD_DEBUG_OUTPUT makes a file for each process whose loader heeds the environment, as LD_PRELOAD would be.

    Our own loader does, and the platform of level development is started with them too (see `main`).
    """
    with tempfile.TemporaryDirectory() as folder:
        prey, process = other_start({"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": f"{folder}/seen"})
        with process:
            seen = {int(name.rpartition(".")[2]) for name in os.listdir(folder)}
    reached = [what for what, pids in (("enclave", prey.enclaves), ("platform", prey.platform)) if seen & set(pids)]
    if not prey.enclaves or not seen:
        return Found(why="not tried: no enclave started so, or the loader leaves no trace here")
    if reached:
        return Found(True, False, f"the loader of the {' and the '.join(reached)} heeds them: our code would run there")
    return Found(why="no loader of enclave or platform heeds the host's variables")


def base(prey: Prey) -> Found:
    """Between build and start: can a file be changed that the enclave or its platform is started from?"""
    words = {word for pid in [*prey.enclaves, *prey.platform] for word in text_of(pid, "cmdline").split()}
    files = {word for word in words if word.startswith("/") and "/proc/" not in word and os.path.isfile(word)}
    if not service():
        files |= {os.__file__}
    for file in sorted(files):
        with suppress(OSError):
            os.close(os.open(file, os.O_WRONLY))
            return Found(True, False, "files of the base can be written; a changed one has another measurement")
    return Found(why=f"{len(files)} files tried, none can be written")


def stop(_: Prey, pid: int) -> Found:
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    return Found(True, False, "it can be stopped: denial of service, no theft")


def core(prey: Prey, pid: int) -> Found:
    places = {Path.cwd(), Path("/"), Path(Path("/proc/sys/kernel/core_pattern").read_text().strip()).parent}

    def cores() -> set[Path]:
        return {file for place in places if place.is_dir() for file in place.glob("core*") if file.is_file()}

    before = cores()
    with suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_CORE, (-1, -1))
    os.kill(pid, signal.SIGABRT)
    time.sleep(0.3)
    for file in cores() - before:
        return Found(True, stolen(file.read_bytes(), prey.proof), "a core file was written")
    if Path("/proc/sys/kernel/core_pattern").read_bytes().startswith(b"|"):
        return Found(why="it was sent SIGABRT; a program takes core files here, and what that got is not seen")
    return Found(why="it was sent SIGABRT, and left no core file")


def attempts(prey: Prey) -> Iterator[tuple[str, Found]]:
    """Every way, in an order that does not let one find what another has stolen; what ends the enclave comes last."""

    def on(name: str, attempt: Callable[[Prey, int], Found]) -> tuple[str, Found]:
        return name, each(prey.enclaves, "the enclave", lambda pid: attempt(prey, pid))

    yield "read the link's shared memory", link(prey)
    yield on("open /proc/PID/mem", lambda prey, pid: memory_now(prey, pid, "the enclave"))
    yield on("a descriptor of it, opened early", lambda prey, pid: memory_early(prey, pid, "the enclave"))
    yield on("reach into it before it has an image", before_its_image)
    yield on("process_vm_readv", vm_readv)
    yield on("ptrace, attach", lambda prey, pid: traced(prey, pid, 16))
    yield on("ptrace, seize (as gcore does)", lambda prey, pid: traced(prey, pid, 0x4206))
    yield on("pidfd_getfd", descriptors)
    for name in ("environ", "cmdline", "maps"):
        yield on(f"read /proc/PID/{name}", lambda prey, pid, name=name: proc_file(prey, pid, name))  # type: ignore[misc]
    yield on("list /proc/PID/fd", fd_list)
    yield on("perf_event_open", counters)
    for title, read in (
        ("platform: open its memory", memory_now),
        ("platform: a descriptor, early", memory_early),
        ("platform: pidfd_getfd, for its gate", descriptors),
    ):
        yield title, each(prey.platform, "the platform", lambda pid, read=read: read(prey, pid, "the platform"))  # type: ignore[misc]
    yield "a user namespace of the parent", user_namespace(prey)
    yield "variables for the loader (LD_PRELOAD)", preload(prey)
    yield "a filter that answers its system calls", answers(prey)
    yield "replace a file of the base", base(prey)
    yield on("SIGSTOP", stop)
    yield on("SIGABRT, for a core file", core)


def start_platforms_with_our_variables() -> None:
    """At level development it is this process that starts the platform: nobody can keep it from adding some."""
    from gotee.host import ahead

    passed_on = ahead.environment
    ours = {name: value for name, value in os.environ.items() if name.startswith("LD_DEBUG")}
    ahead.environment = lambda: {**passed_on(), **ours}


def show(name: str, inside: str, key: str, why: str) -> None:
    """A row, folded to the terminal; one line where there is none."""
    start = f"{name:<40} | {inside:<3} | {key:<6} | "
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1000
    lines = textwrap.wrap(why, max(width - len(start) - 1, 20)) or [""]
    print(start + lines[0], flush=True)
    for line in lines[1:]:
        print(f"{'':<40} | {'':<3} | {'':<6} | {line}", flush=True)


def main() -> None:
    if "--within" in sys.argv:
        within()
        return
    if "--prey" in sys.argv:
        start_platforms_with_our_variables()
        print(gosecure(tag, CHALLENGE).result().hex(), flush=True)
        sys.stdin.read()
        return
    prey = caught(lambda: gosecure(tag, CHALLENGE).result(), os.getpid(), waiting())
    root = " (root)" * (os.getuid() == 0)
    print(f"level {'service' if service() else 'development'}, user {os.getuid()}{root}, enclave {prey.enclaves}")
    show("attempt", "in?", "stolen", "why")
    thefts = 0
    for name, found in attempts(prey):
        thefts += found.stolen
        show(name, "yes" if found.inside else "no", "YES" if found.stolen else "no", found.why)
    print(f"The key was stolen in {thefts} way{'s' * (thefts != 1)}.")
    if not os.getuid():
        print("This was root, who reads everything at either level: run it as an ordinary user.")
    if service():
        print("Level service protects from the host program and other users; not from root, kernel, hardware.")
    else:
        print("Level development gives no confidentiality or integrity against code of the same user.")


if __name__ == "__main__":
    main()
