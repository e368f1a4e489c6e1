"""Put the service on this machine, and take it away again: `gotee platform install`, `uninstall`. Host world; root.

What runs as root afterwards is a copy that only root can change: the interpreter with its standard library, gotee, the
base. The copy is complete before it takes the place of an earlier one.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gotee
from gotee.compiler.remembered import partition
from gotee.errors import UsageError
from gotee.host import unit
from gotee.image import base, natives, standard
from gotee.image.build import Built, build
from gotee.image.contents import contents_of
from gotee.image.ground import of_image
from gotee.image.manifest import SOURCE
from gotee.platform.service.base import GROUND
from gotee.platform.service.exclusive import FILE as USERS
from gotee.platform.service.exclusive import remove_unused
from gotee.platform.service.settings import Settings, require_safe

PACKAGES = ("cryptography", "cffi", "pycparser", "cbor2")
"""Distributions that evidence needs."""
_LEFT_OUT = {"__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter"}
_NOTHING = "from gotee import gosecure\n\ndef nothing() -> None: ...\n\ngosecure(nothing)\n"
_START = """\
import sys, types
CODE = {code!r}
package = sys.modules["gotee"] = types.ModuleType("gotee")  # its rooms without its public names
package.__path__ = [CODE + "/gotee"]
from gotee.platform.service.main import main
sys.exit(main(sys.argv[1:]))
"""


def require_root(what: str) -> None:
    """Raises UsageError with the cure."""
    if os.geteuid() != 0:
        command = f"{sys.executable} -m gotee" if sys.argv[0].endswith("__main__.py") else sys.argv[0]
        raise UsageError(f"`gotee platform {what}` has to be run by root: sudo {command} platform {what}")


def install(settings: Settings, file: str, *, units: str | None = None) -> list[str]:
    """Install, or install again; what was done, in sentences. `units` is where the unit file goes, if not None."""
    require_root("install")
    for place in (settings.prefix, settings.state, settings.run, os.path.dirname(file)):
        require_safe(_existing(place))
    _require_free_uids(settings)
    if os.path.isdir(settings.prefix) and os.listdir(settings.prefix) and installed(settings) is None:
        raise UsageError(f"{settings.prefix} holds something else: choose another --prefix, or empty it")
    done = []
    made_user = _make_user(settings)
    if made_user:
        done.append(f"made the user {settings.user}")
    new = f"{settings.prefix}.new"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new, 0o755)
    try:
        with _told_of(new):
            count = _fill(settings, Path(new), file)
        made = {"version": gotee.__version__, "user": made_user or _made_user_before(settings), "unit": None}
        if units is not None:
            made["unit"] = f"{units}/{unit.NAME}"
        Path(new, "installed.json").write_text(json.dumps(made) + "\n")
        shutil.rmtree(settings.prefix, ignore_errors=True)
        os.rename(new, settings.prefix)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    done.append(f"copied the interpreter, gotee and {count} files of the base to {settings.prefix}")
    _keep_settings(settings, file)
    done.append(f"wrote {file}")
    os.makedirs(settings.state, 0o700, exist_ok=True)
    if os.listdir(settings.state) and not _is_state(settings):
        raise UsageError(f"{settings.state} holds something else: choose another --state")
    os.chown(settings.state, settings.uid(), -1)
    os.chmod(settings.state, 0o700)
    done.append(f"keys and counters go to {settings.state}")
    subprocess.run([f"{settings.prefix}/bin/gotee-platform", "--check", file], check=False, env={})  # compiles it, too
    if made["unit"]:
        Path(str(made["unit"])).write_text(unit.text(settings, file))
        done.append(f"wrote {made['unit']}")
    return done


def uninstall(settings: Settings, file: str, *, user: bool = False) -> list[str]:
    """Remove what `install` made. The service must not run. With `user`, its user too, if install made it."""
    require_root("uninstall")
    made = installed(settings) or {}
    done = []
    places = [str(made.get("unit") or ""), settings.socket, f"{settings.run}/lock", file]
    if made:
        places.append(settings.prefix)
    if _is_state(settings):
        places.append(settings.state)
    for place in places:
        if place and os.path.lexists(place):
            shutil.rmtree(place) if os.path.isdir(place) else os.unlink(place)
            done.append(f"removed {place}")
    remove_unused()
    for folder in {settings.run, os.path.dirname(file), os.path.dirname(USERS)}:
        if os.path.basename(folder) == "gotee" and os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
    if user and made.get("user"):
        subprocess.run(["/usr/sbin/userdel", str(settings.user)], check=True)
        done.append(f"removed the user {settings.user}")
    return done


def _existing(place: str) -> str:
    """The place, or the nearest folder above it that is there; the state's own folder belongs to the platform."""
    while not os.path.isdir(place) or os.lstat(place).st_uid:
        place = os.path.dirname(place)
    return place


def installed(settings: Settings) -> dict[str, object] | None:
    """What install wrote down; None if nothing is installed."""
    try:
        found = json.loads(Path(settings.prefix, "installed.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def incomplete(settings: Settings) -> str:
    """What is the matter with an installation of which a part is gone, with the cure; empty if nothing is."""
    wanted = (
        f"{settings.prefix}/bin/gotee-platform",
        f"{settings.prefix}/code/start.py",
        settings.base,
        settings.state,
    )
    gone = [path for path in wanted if not os.path.lexists(path)]
    return f"{gone[0]} is missing: `gotee platform install` again, as root" if gone else ""


def _is_state(settings: Settings) -> bool:
    """Whether the folder is the platform's: nothing else is removed or given away."""
    try:
        return os.lstat(settings.state).st_uid == settings.uid()
    except (OSError, UsageError):
        return False


def _made_user_before(settings: Settings) -> bool:
    return bool((installed(settings) or {}).get("user"))


def _require_free_uids(settings: Settings) -> None:
    """Nobody else may be, or become in a user namespace, one of the enclaves' users: it could read their memory."""
    first, last = settings.enclave_uids
    for entry in pwd.getpwall():
        if first <= entry.pw_uid <= last:
            raise UsageError(f"the user {entry.pw_name} has a number between {first} and {last}: change enclave_uids")
    for name in ("/etc/subuid", "/etc/subgid"):
        for line in Path(name).read_text().splitlines() if os.path.exists(name) else ():
            owner, start, count = (*line.split(":"), "", "")[:3]
            if start.isdigit() and count.isdigit() and int(start) <= last and first < int(start) + int(count):
                raise UsageError(f"{name} gives {owner} numbers between {first} and {last}: change enclave_uids")


def _make_user(settings: Settings) -> bool:
    if isinstance(settings.user, int):
        return False
    try:
        pwd.getpwnam(settings.user)
    except KeyError:
        words = ["--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin"]
        subprocess.run(["/usr/sbin/useradd", *words, settings.user], check=True)
        return True
    return False


def _keep_settings(settings: Settings, file: str) -> None:
    os.makedirs(os.path.dirname(file), 0o755, exist_ok=True)
    Path(file).write_text(settings.text())
    os.chmod(file, 0o644)


@contextmanager
def _told_of(place: str) -> Iterator[None]:
    """What cannot be written is told by the place where it was to go: it is that file system that is full.

    Of two files in one failure the second is written; a failure without a file comes from writing what is open.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and error.filename2 is None:
            raise  # it could not even be opened
        raise OSError(error.errno, error.strerror, error.filename2 or place) from error


def _fill(settings: Settings, new: Path, file: str) -> int:
    """Everything below the prefix; the number of files of the base."""
    executable = natives.interpreter()
    loader = natives.loader_of(executable)
    version = "python{}.{}".format(*sys.version_info[:2])
    library = new / "python" / "lib"
    _copy_tree(Path(sysconfig.get_path("stdlib")), library / version)
    _copy_tree(standard.shared(), library / version / "lib-dynload")
    _copy_file(executable, new / "python" / "bin" / version)
    _copy_file(loader, library / "loader.so")
    own = natives.linked(loader, executable)
    for place in {*own, *_libraries(loader, (library / version / "lib-dynload").iterdir())}:
        _copy_file(place, library / os.path.basename(place))
    _copy_tree(Path(gotee.__file__).parent, new / "code" / "gotee")
    _copy_packages(new / "packages")
    code = f"{settings.prefix}/code"
    (new / "code" / "start.py").write_text(_START.format(code=code))
    _write_command(settings, new, version, [os.path.basename(place) for place in own], file)
    return _copy_base(new / "base")


def _write_command(settings: Settings, new: Path, version: str, preload: Iterable[str], file: str) -> None:
    """The command that starts the service. The copied loader is told where libraries are; run paths do not matter."""
    library = f"{settings.prefix}/python/lib"
    python = f"{settings.prefix}/python/bin/{version}"
    words = [
        *(f"{library}/loader.so", "--inhibit-cache", "--library-path", library, "--argv0", python),
        *("--preload", ":".join(f"{library}/{name}" for name in preload)),
        *(python, "-I", "-S", f"{settings.prefix}/code/start.py"),
    ]
    command = new / "bin" / "gotee-platform"
    command.parent.mkdir()
    packages = f"GOTEE_PACKAGES={settings.prefix}/packages"
    last = f'"${{@:-{file}}}"' if not set(file) & set("\"'`$\\} ") else '"$@"'
    command.write_text(f"#!/bin/sh\nexec /usr/bin/env -i {shlex.quote(packages)} {shlex.join(words)} {last}\n")
    command.chmod(0o755)


def _libraries(loader: str, extensions: Iterable[Path]) -> set[str]:
    found: set[str] = set()
    for extension in extensions:
        found.update(natives.libraries_of(loader, str(extension)))
    return found


def _copy_base(folder: Path) -> int:
    """The native files that images can name, each under its hash; and what every image of this base has.

    Beside the folder lies its ground: what an enclave of this base begins with.
    """
    folder.mkdir()
    for place in base.files().values():
        data = Path(place).read_bytes()
        if data[:4] == b"\x7fELF":
            _keep(folder, hashlib.sha256(data).hexdigest(), data)
    built = _smallest()
    for file in built.manifest.files:
        if file.role != SOURCE:
            _keep(folder, file.sha256, Path(built.places[file.path]).read_bytes())
    (folder.parent / GROUND).write_bytes(of_image(*contents_of(built.stream)).encode())
    return len(list(folder.iterdir()))


def _keep(folder: Path, name: str, data: bytes) -> None:
    kept = folder / name
    kept.write_bytes(data)
    kept.chmod(0o644)


def _smallest() -> Built:
    """The image of a program that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "nothing.py")
        program.write_text(_NOTHING)
        return build(partition(program))


def _copy_packages(folder: Path) -> None:
    from importlib import metadata

    for name in PACKAGES:
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for path in found.files or ():
            if ".." not in path.parts and "__pycache__" not in path.parts:
                _copy_file(str(found.locate_file(path)), folder / path)


def _copy_tree(source: Path, target: Path) -> None:
    """A folder without bytecode: what lies beside a source would be believed if its date fits."""
    for place, folders, names in os.walk(source):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in names:
            if name.endswith(".a"):
                continue  # for who links against Python: 45 MB
            _copy_file(f"{place}/{name}", target / os.path.relpath(place, source) / name)


def _copy_file(source: str, target: Path) -> None:
    """Contents and whether it can be executed; owned by root, and nobody else writes it."""
    if not os.path.isfile(source) or os.path.exists(target):
        return
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if os.stat(source).st_mode & 0o100 else 0o644)
