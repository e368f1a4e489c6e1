"""What modules that are imported later need to be told of an enclave. Enclave world; `outside` calls `install`.

Each function gets a module that has just been imported, before anybody else has it.
"""

from __future__ import annotations

import os
import sys

from gotee.enclave import accounts, looking, numpyfiles
from gotee.enclave.clock import Clock, set_datetime
from gotee.enclave.descriptors import FIRST
from gotee.enclave.memoryfiles import ROOT
from gotee.enclave.replacing import replace
from gotee.errors import NotInside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from gotee.enclave.boot import Importer
    from gotee.enclave.system import System

_NO_PROCESSES = "an enclave is one process that runs what was measured"
_NO_LOAD = 4  # RTLD_NOLOAD of dlopen(3): only what is loaded already


def install(importer: Importer, system: System, timing: Clock) -> None:
    """Have each module changed when it comes."""
    for name, change in (
        ("_datetime", lambda module: set_datetime(timing, module)),
        ("_queue", _import_queue),
        ("queue", _queue),
        ("glob", lambda module: looking.change_glob(module, system)),
        ("pathlib", lambda module: looking.change_pathlib(module, system)),
        ("pwd", accounts.change_pwd),
        ("grp", accounts.change_grp),
        ("getpass", accounts.change_getpass),
        ("locale", _locale),
        ("zoneinfo._common", _zones),
        ("concurrent.futures", _process_pool),
        ("tempfile", _tempfile),
        ("subprocess", _subprocess),
        ("multiprocessing.process", _process),
        ("multiprocessing.synchronize", _synchronize),
        ("mmap", _mmap),
        ("fcntl", _fcntl),
        ("_sqlite3", _sqlite),
        ("_ctypes", lambda module: _ctypes(module, importer)),
        ("numpy", numpyfiles.change),
    ):
        _when_imported(importer, name, change)


def _when_imported(importer: Importer, name: str, change: Callable[[Any], None]) -> None:
    """Now, if it is there already or built in and so never comes through the importer."""
    if name in sys.modules or name in sys.builtin_module_names:
        change(_imported(name))
    else:
        importer.afterwards[name] = lambda: change(sys.modules[name])


def _imported(name: str) -> Any:
    """As `importlib.import_module`, which imports `warnings`."""
    __import__(name)
    return sys.modules[name]


def _import_queue(module: Any) -> None:
    """Who imports `_queue` by itself gets what `_queue` below puts there."""
    _imported("queue")  # it may be this that imports `_queue`


def _queue(module: Any) -> None:
    """The queue in C waits with a lock of the thread; that in Python with one that parks."""
    replace({_imported("_queue").SimpleQueue: module._PySimpleQueue})


def _tempfile(module: Any) -> None:
    """Temporary files stay in the enclave's memory."""
    module.tempdir = f"/{ROOT}"


def _subprocess(module: Any) -> None:
    def refuse(self: object, args: Any, *_: object, **__: object) -> NoReturn:
        shown = args if isinstance(args, (str, bytes)) else next(iter(args), "")
        raise NotInside(f"{_NO_PROCESSES}: run {shown!r} outside, and send what it gives in")

    module.Popen.__init__ = refuse


def _process(module: Any) -> None:
    def refuse(self: object) -> NoReturn:
        raise NotInside(f"{_NO_PROCESSES}: start routines with go() instead of processes")

    module.BaseProcess.start = refuse


def _synchronize(module: Any) -> None:
    def refuse(self: object, *_: object, **__: object) -> NoReturn:
        raise NotInside(f"{_NO_PROCESSES}: use threading or channels instead of multiprocessing")

    module.SemLock.__init__ = refuse


def _process_pool(module: Any) -> None:
    class ProcessPoolExecutor:
        """concurrent.futures.ProcessPoolExecutor."""

        def __init__(self, *_: object, **__: object) -> None:
            raise NotInside(f"{_NO_PROCESSES}: use ThreadPoolExecutor, or start routines with go()")

    module.ProcessPoolExecutor = ProcessPoolExecutor


def _locale(module: Any) -> None:
    real = module._setlocale

    def setlocale(category: int, locale: Any = None, /) -> Any:
        try:
            return real(category, locale)
        except module.Error:
            raise module.Error(
                f"the locale {locale or 'that the environment names'!r} is not part of the image: inside there is 'C', "
                "and text is UTF-8 whatever the locale"
            ) from None

    module._setlocale = setlocale


def _zones(module: Any) -> None:
    real = module.load_tzdata

    def load_tzdata(key: str) -> Any:
        try:
            return real(key)
        except module.ZoneInfoNotFoundError:
            raise module.ZoneInfoNotFoundError(
                f"No time zone found with key {key}: name tzdata in trusted code (tzdata.IANA_VERSION), for that "
                'package, or put files = ["/usr/share/zoneinfo/**:r"] into [tool.gotee.ocalls], for the host\'s'
            ) from None

    module.load_tzdata = load_tzdata


def _mmap(module: Any) -> None:
    real = module.mmap

    class Map(real):  # type: ignore[misc,valid-type]
        """mmap.mmap, of memory only."""

        def __new__(cls, fileno: int, *args: Any, **kwargs: Any) -> Any:
            if fileno != -1:
                raise NotInside("a file cannot be mapped inside, as its contents are the host's: read it")
            return super().__new__(cls, fileno, *args, **kwargs)

    Map.__name__ = Map.__qualname__ = "mmap"
    Map.__module__ = "mmap"
    module.mmap = Map


def _fcntl(module: Any) -> None:
    for name in ("fcntl", "ioctl"):
        setattr(module, name, _of_the_kernel(name, getattr(module, name), "leave it out"))
    for name in ("flock", "lockf"):
        setattr(module, name, _of_the_kernel(name, getattr(module, name), "lock with threading.Lock, or outside"))


def _of_the_kernel(name: str, real: Any, instead: str) -> Any:
    def checked(fd: Any, *args: Any) -> Any:
        number = fd if isinstance(fd, int) else fd.fileno()
        if number >= FIRST or number <= 2:
            raise NotInside(
                f"fcntl.{name} does not work on files inside, as they are no files of the kernel: {instead}"
            )
        return real(number, *args)

    checked.__name__ = checked.__qualname__ = name
    return checked


def _sqlite(module: Any) -> None:
    """SQLite opens files itself, past the policy; in memory it works, with its temporary tables there, too."""
    real = module.connect

    def connect(database: Any, *args: Any, **kwargs: Any) -> Any:
        text = os.fsdecode(database) if isinstance(database, str | bytes | os.PathLike) else repr(database)
        if text != ":memory:" and not (text.startswith("file:") and ("mode=memory" in text or ":memory:" in text)):
            raise NotInside(
                f"SQLite opens {text!r} itself, which does not work inside: connect to ':memory:', and move its "
                "contents with Connection.serialize and deserialize"
            )
        connection = real(database, *args, **kwargs)
        connection.execute("pragma temp_store = memory")
        return connection

    module.connect = connect


def _ctypes(module: Any, importer: Importer) -> None:
    """Only libraries that the image brought in: what is loaded, and what its distributions have, by path."""
    real = module.dlopen

    def dlopen(name: Any, mode: int = 0, /) -> Any:
        if name is None:
            return real(name, mode)
        path = os.fsdecode(name)
        known = importer.native_at(os.path.normpath(path))
        if known is not None:
            return real(f"/proc/self/fd/{importer.load_libraries(known)}", mode)
        try:
            return real(name, mode | _NO_LOAD)
        except OSError:
            pass
        raise NotInside(f"the library {path!r} is not part of the image: only what is measured is loaded")

    module.dlopen = dlopen
