"""An enclave that is begun before anything else of gotee is imported: it starts while the host goes on. Host world.

gotee/__init__ calls `begin` when GOTEE_IMAGE names an image. A platform verifies it, and starts an enclave, which waits
before the program's own code until the first `gosecure`; a program that never comes there ends both by ending. At level
development the platform is a process of this user, which is started first: until then this module imports nothing that
is not there already. At level service it runs.

Where the files of the image lie is remembered in the user's cache. That is a hint for the platform, which verifies all
that it finds there; a hint that is out of date is not used.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gotee.boundary.link import Link

_BOOT = (
    "import gc,os,sys\n"
    "gc.disable()\n"
    "package=sys.modules['gotee']=type(sys)('gotee')\n"  # the platform needs rooms, not the public names
    "package.__path__=[sys.argv[2]]\n"
    "from gotee.platform.launch import main\n"
    "main(int(sys.argv[1]))\n"
    "os._exit(0)"
)
PASSED_ON = ("HOME", "XDG_STATE_HOME", "GOTEE_REQUIRE")
"""Where a platform of this user keeps its keys, and what the sandbox has to have."""
NEEDED = ("entries", "limits", "main", "policy")
"""What a host needs of what an image says of its program."""
_MEASUREMENT = slice(960, 992)  # of a signature, where ENCLAVEHASH is: see gotee.image.sigstruct


class Platform:
    """A platform, and our end of the socket to it. `pid` is 0 if it is not our child."""

    def __init__(self, pid: int, control: _socket.socket) -> None:
        self.control = control
        self._pid = pid
        self._owner = os.getpid()

    def end(self) -> None:
        """Nothing is asked of it: it ends by that."""
        self.control.close()
        self.wait()

    def wait(self) -> None:
        """Return when it has ended, if it is our child."""
        if self._pid and self._owner == os.getpid():
            try:
                os.waitpid(self._pid, 0)
            except ChildProcessError:
                pass  # another thread was told


class Begun:
    """An enclave of `image` that is being started at a `level`, and our end of the `link` to it, which is of a `kind`.

    The image's files lie at `places` (JSON), as far as `stamps` are still those of these. `said` is what it was
    remembered to say of its program.
    """

    def __init__(
        self, image: str, stream: bytes, signature: bytes, stamps: bytes, places: bytes, said: bytes = b""
    ) -> None:
        self.image = image
        self.stream = stream
        self.signature = signature
        self.places = places
        self.process = os.getpid()
        self.program: dict[str, Any] | None = None  # what the image says of it, once it was read
        self.kind = os.environ.get("GOTEE_LINK") or "ring"
        self.level = os.environ.get("GOTEE_LEVEL") or "development"
        self.platform: Platform
        self.link: Link
        self.handing = True  # the service may ask for files of it yet
        self._stamps = stamps
        self._said = said

    def begin(self, platform: Platform) -> None:
        """Have a platform of this user start it. Raises OSError."""
        self.platform = platform
        try:
            give(platform, self.stream, self.signature, self.places)
            self.link = offer(platform.control, self.kind)
        except BaseException:
            platform.end()
            raise

    def read(self) -> dict[str, Any]:
        """What the image says of its program, of what is NEEDED at least. Raises ImageError."""
        if self.program is None:
            self.program = _program(self.stream, self.signature, self._said)
        return self.program

    def still_right(self) -> bool:
        """Whether no file has changed since it was remembered where it lies."""
        from gotee.boundary import plain_json

        try:
            return self._stamps == stamps_of(plain_json.loads(self.places).values())
        except (ValueError, AttributeError, TypeError):
            return False

    def end(self) -> None:
        """It is not wanted."""
        self.link.close()
        self.platform.end()


_begun: Begun | None = None


def begin() -> None:
    """Start an enclave of the image that the environment names, if what is needed is there; else do nothing."""
    global _begun
    image = os.environ.get("GOTEE_IMAGE", "")
    level = os.environ.get("GOTEE_LEVEL") or "development"
    if not image.endswith(".sgxs") or any("multiprocessing" in word for word in sys.orig_argv):
        return
    platform = None
    try:
        with open(image, "rb") as file:
            found = remembered(file.fileno())
            if found is None:
                return
            if level == "development":
                platform = launch()
            stream = file.read()
        with open(f"{image.removesuffix('.sgxs')}.sig", "rb") as file:
            begun = Begun(image, stream, file.read(), *found)
        if platform is not None:
            begun.begin(platform)
        elif level == "service":
            from gotee.host import service_ahead

            service_ahead.begin(begun)
        else:
            return
        _begun = begun
    except OSError:  # the usual way says what is the matter
        if platform is not None:
            platform.end()


def prepare() -> None:
    """Do what the first `gosecure` would do before it asks for the program's code, while platform and enclave begin.

    Called when gotee itself has been imported. Nothing is asked, no thread started.
    """
    if _begun is not None and os.environ.get("GOTEE_TEE", "process") in ("", "process"):
        from gotee.host import loader

        loader.prepare(_begun)


def take(image: str, kind: str, level: str) -> Begun | None:
    """The enclave that was begun for this image, kind of link and level, once.

    Where its files lie is a hint: if the platform refuses the image, and the hint is not `still_right`, look them up.
    """
    global _begun
    begun, _begun = _begun, None
    if begun is None or begun.process != os.getpid():
        return None
    if (begun.image, begun.kind, begun.level) != (image, kind, level):
        begun.end()
        return None
    return begun


def launch() -> Platform:
    """Start a platform process. It begins with what is the same for every image; `give` it one. Raises OSError."""
    import _socket

    control, theirs = _socket.socketpair()
    before = theirs.fileno()
    number = _above_standard(before)
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, number, number),  # it stays open over exec
    ]
    if not _passed_on(2):
        actions.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))
    folder, python = package(), interpreter()
    begin = f"{folder}/platform/begin"
    try:
        try:
            words = [begin, str(number), python, folder, _BOOT]
            pid = os.posix_spawn(begin, words, environment(), file_actions=actions, setsid=True)
        except (FileNotFoundError, PermissionError):  # was unpacked by what forgets that it can be executed
            words = [python, "-I", "-S", "-c", _BOOT, str(number), folder]
            pid = os.posix_spawn(python, words, environment(), file_actions=actions, setsid=True)
    finally:
        theirs.close()
        if number != before:
            os.close(number)
    return Platform(pid, control)


def _above_standard(number: int) -> int:
    """The same above 2. A program that is started with `>&-` has the next descriptors there, which a platform needs."""
    if number > 2:
        return number
    import fcntl

    return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3)


def _passed_on(number: int) -> bool:
    """Whether a child gets this descriptor: it is open, and not one of ours that took its place."""
    try:
        return os.get_inheritable(number)
    except OSError:
        return False


def give(platform: Platform, stream: bytes, signature: bytes, places: bytes) -> None:
    """Give a platform its image; `places` is JSON. Raises OSError."""
    numbers = []
    try:
        for data in (stream, signature, places):
            numbers.append(memory(data))  # noqa: PERF401 - those that were made are closed
        _send(platform.control, b"i", numbers)
    finally:
        for number in numbers:
            os.close(number)


def offer(control: _socket.socket, kind: str) -> Link:
    """Our side of a new link, of which a platform is given the other, for its enclave."""
    from gotee.boundary import links

    link, theirs = links.create(kind)
    try:
        _send(control, b"l", theirs)
    finally:
        links.close(theirs)
    return link


def _send(control: _socket.socket, what: bytes, numbers: Iterable[int]) -> None:
    try:
        send(control, what, numbers)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has refused the image and ended: what it said is still in the socket


def send(control: _socket.socket, what: bytes, numbers: Iterable[int]) -> None:
    """Send descriptors. Raises OSError."""
    import _socket

    rights = b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)
    control.sendmsg([what], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])


def ask(control: _socket.socket) -> None:
    """Have the enclave go on with the program's own code."""
    try:
        control.send(b"g")
    except OSError:
        pass  # as above


def interpreter() -> str:
    """The real interpreter: a virtual environment's would read its pyvenv.cfg before `-I` matters."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def package() -> str:
    """The folder of gotee."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def environment() -> dict[str, str]:
    """That of a platform: `cryptography` is found there when evidence is asked for."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**kept, "GOTEE_PACKAGES": os.pathsep.join(sys.path)}


def memory(data: bytes) -> int:
    """A descriptor of these bytes, to be read from the start."""
    descriptor = os.memfd_create("gotee-image", os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


# -- where files lie ------------------------------------------------------------------------------------


def remembered(image: int) -> tuple[bytes, bytes, bytes] | None:
    """Stamps and places of an open image's files, and what it says of its program.

    All of it as remembered for this interpreter and these folders of modules.
    """
    try:
        with open(_hint(image), "rb") as file:
            known, *found = file.read().split(b"\n")
    except OSError:
        return None
    if known != _here() or len(found) != 3:
        return None
    stamps, places, said = found
    return stamps, places, said


def known(image: str) -> tuple[dict[str, Any], bytes, bytes, dict[str, str]] | None:
    """What an image says of its program, its stream, signature and places; None if these have to be looked up."""
    from gotee.boundary import plain_json

    try:
        with open(image, "rb") as file:
            found = remembered(file.fileno())
            stream = file.read()
        with open(f"{image.removesuffix('.sgxs')}.sig", "rb") as file:
            signature = file.read()
        if found is None:
            return None
        places = plain_json.loads(found[1])
        if found[0] != stamps_of(places.values()):
            return None
        return _program(stream, signature, found[2]), stream, signature, places
    except (OSError, ValueError, AttributeError, TypeError):
        return None  # the usual way says what is the matter


def stamps_of(paths: Iterable[str]) -> bytes:
    """What tells that a file has changed; cheap, and good enough for a hint."""
    found = []
    for path in paths:
        try:
            seen = os.stat(path)
            found.append(f"{seen.st_ino} {seen.st_size} {seen.st_mtime_ns}")
        except OSError:
            found.append("")
    return ",".join(found).encode()


def remember(image: int, paths: Iterable[str], places: bytes, measurement: bytes, program: Mapping[str, Any]) -> None:
    """Keep where the files of an open image lie, and what it says of its program. A full disk is no error."""
    from gotee.boundary import plain_json

    path = _hint(image)
    said = measurement.hex().encode() + b" " + plain_json.dumps({name: program[name] for name in NEEDED})
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(b"\n".join((_here(), stamps_of(paths), places, said)))
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass


def _program(stream: bytes, signature: bytes, said: bytes) -> dict[str, Any]:
    """What an image says of its program: as it was remembered for the one that this signature signs, or as it is read.

    No other can be meant: a platform starts no image but the one that has the measurement in its signature.
    """
    measured, _, text = said.partition(b" ")
    if signature[_MEASUREMENT].hex().encode() == measured:
        from gotee.boundary import plain_json

        try:
            found: dict[str, Any] = plain_json.loads(text)
            if found.keys() == set(NEEDED):
                return found
        except (ValueError, AttributeError):
            pass
    from gotee.image import contents

    return contents.program_of(stream)


def _hint(image: int) -> str:
    seen = os.fstat(image)
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = base if os.path.isabs(base) else os.path.expanduser("~/.cache")
    return f"{folder}/gotee/places/{seen.st_dev:x}-{seen.st_ino:x}-{seen.st_size:x}-{seen.st_mtime_ns:x}"


def _here() -> bytes:
    return os.fsencode(repr((interpreter(), package(), sys.path[1:])))
