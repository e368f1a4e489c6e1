"""A platform that is started before anything else of gotee is imported: it verifies while the host goes on. Host world.

gotee/__init__ calls `begin` when GOTEE_IMAGE names an image. The platform verifies it, and starts an enclave, which
waits before the program's own code until the first `gosecure`; a program that never comes there ends both by ending.
Until the platform has been started, this module imports nothing that is not there already.

Where the files of the image lie is remembered in the user's cache. That is a hint for the platform, which verifies all
that it finds there; a hint that is out of date is not used.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterable

    from gotee.boundary.link import Link

_BOOT = (
    "import gc,os,sys,types\n"
    "gc.disable()\n"
    "package=sys.modules['gotee']=types.ModuleType('gotee')\n"  # the platform needs three rooms, not the public names
    "package.__path__=[sys.argv[3]]\n"
    "from gotee.platform import eager\n"
    "eager.begin()\n"
    "from gotee.platform.launch import main\n"
    "main(int(sys.argv[1]),tuple(map(int,sys.argv[2].split(','))))\n"
    "os._exit(0)"
)
PASSED_ON = ("HOME", "XDG_STATE_HOME", "GOTEE_REQUIRE")
"""Where a platform of this user keeps its keys, and what the sandbox has to have."""


class Platform:
    """A started platform process, and our end of the socket to it."""

    def __init__(self, pid: int, control: _socket.socket) -> None:
        self.control = control
        self._pid = pid
        self._owner = os.getpid()

    def wait(self) -> None:
        """Return when it has ended."""
        if self._owner == os.getpid():
            try:
                os.waitpid(self._pid, 0)
            except ChildProcessError:
                pass  # another thread was told


class Begun:
    """A platform that starts an enclave of `image`, and our end of the `link` to it, which is of a `kind`.

    The image's files lie at `places`, as far as `stamps` are still those of these.
    """

    def __init__(self, image: str, stream: bytes, stamps: bytes, places: bytes, platform: Platform) -> None:
        self.image = image
        self.stream = stream
        self.platform = platform
        self.process = os.getpid()
        self._stamps = stamps
        self._places = places
        self.kind = os.environ.get("GOTEE_LINK") or "ring"
        try:
            self.link = offer(platform.control, self.kind)
        except OSError:
            platform.control.close()
            platform.wait()
            raise

    def still_right(self) -> bool:
        """Whether no file has changed since it was remembered where it lies."""
        from gotee.boundary import plain_json

        try:
            return self._stamps == stamps_of(plain_json.loads(self._places).values())
        except (ValueError, AttributeError, TypeError):
            return False

    def end(self) -> None:
        """It is not wanted."""
        self.platform.control.close()
        self.link.close()
        self.platform.wait()


_begun: Begun | None = None


def begin() -> None:
    """Start the platform of the image that the environment names, if what is needed is there; else do nothing."""
    global _begun
    image = os.environ.get("GOTEE_IMAGE", "")
    if os.environ.get("GOTEE_LEVEL") == "service":
        return  # its platform runs already
    if not image.endswith(".sgxs") or any("multiprocessing" in word for word in sys.orig_argv):
        return
    try:
        with open(image, "rb") as file:
            stream = file.read()
            found = remembered(file.fileno())
        if found is not None:
            stamps, places = found
            with open(f"{image.removesuffix('.sgxs')}.sig", "rb") as file:
                signature = file.read()
            _begun = Begun(image, stream, stamps, places, launch(stream, signature, places))
    except OSError:
        pass  # the usual way says what is the matter


def take(image: str, kind: str) -> Begun | None:
    """The platform that was begun for this image and kind of link, once, if its files are where they were."""
    global _begun
    begun, _begun = _begun, None
    if begun is None or begun.process != os.getpid():
        return None
    if begun.image != image or begun.kind != kind or not begun.still_right():
        begun.end()
        return None
    return begun


def launch(stream: bytes, signature: bytes, places: bytes) -> Platform:
    """Start a platform process for an image; `places` is JSON. Raises OSError."""
    import _socket

    control, theirs = _socket.socketpair()
    inputs = [memory(data) for data in (stream, signature, places)]
    passed = (theirs.fileno(), *inputs)
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        *((os.POSIX_SPAWN_DUP2, number, number) for number in passed),  # these stay open over exec
    ]
    words = ["-I", "-S", "-c", _BOOT, str(passed[0]), ",".join(map(str, inputs)), package()]
    program = interpreter()
    try:
        pid = os.posix_spawn(program, [program, *words], environment(), file_actions=actions, setsid=True)
    finally:
        theirs.close()
        for number in inputs:
            os.close(number)
    return Platform(pid, control)


def offer(control: _socket.socket, kind: str) -> Link:
    """Our side of a new link, of which a platform is given the other: with it, it starts an enclave."""
    import _socket

    from gotee.boundary import links

    link, theirs = links.create(kind)
    try:
        rights = b"".join(number.to_bytes(4, sys.byteorder) for number in theirs)
        control.sendmsg([b"l"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    except OSError:
        pass  # it has refused the image and ended: what it said is still in the socket
    finally:
        links.close(theirs)
    return link


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


def remembered(image: int) -> tuple[bytes, bytes] | None:
    """Stamps and places of an open image's files, as remembered for this interpreter and these folders of modules."""
    try:
        with open(_hint(image), "rb") as file:
            known, _, found = file.read().partition(b"\n")
    except OSError:
        return None
    stamps, _, places = found.partition(b"\n")
    return (stamps, places) if known == _here() else None


class Known:
    """An image, its signature, and where its files lie: remembered, and still right."""

    def __init__(self, stream: bytes, signature: bytes, places: dict[str, str]) -> None:
        self.stream = stream
        self.signature = signature
        self.places = places


def known(image: str) -> Known | None:
    """An image all of whose files lie where they were; None if that has to be looked up."""
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
        return Known(stream, signature, places) if found[0] == stamps_of(places.values()) else None
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


def remember(image: int, paths: Iterable[str], places: bytes) -> None:
    """Keep where the files of an open image lie. A full or read-only disk is no error."""
    path = _hint(image)
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(b"\n".join((_here(), stamps_of(paths), places)))
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass


def _hint(image: int) -> str:
    seen = os.fstat(image)
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = base if os.path.isabs(base) else os.path.expanduser("~/.cache")
    return f"{folder}/gotee/places/{seen.st_dev:x}-{seen.st_ino:x}-{seen.st_size:x}-{seen.st_mtime_ns:x}"


def _here() -> bytes:
    return os.fsencode(repr((interpreter(), package(), sys.path[1:])))
