"""What a platform process begins with: it follows a recipe, and where anything is wrong it begins nothing."""

from __future__ import annotations

import ctypes
import hashlib
import json
import marshal
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gotee.host import ahead
from gotee.image import load, stamps
from gotee.image.build import Built
from gotee.image.contents import contents_of
from gotee.image.ground import Ground, of_image
from gotee.image.memory import SEALS
from gotee.image.sign import for_development
from gotee.platform import birth, compared, recipe, sandbox

from .conftest import PROGRAM

# What comes behind it in these tests: it says what there is, and ends the interpreter.
SAYS = """
import fcntl, hashlib, json, os, signal, sys
told = {"open": sorted(map(int, os.listdir("/proc/self/fd")))[:-1], "words": sys.argv[1:]}
told["personality"] = open("/proc/self/personality").read().strip()
told["ignored"] = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
if len(sys.argv) > 3:
    pid, kept, gate, last_words, count = map(int, sys.argv[3].split(","))
    os.kill(pid, signal.SIGKILL)
    told["parent"] = os.waitpid(pid, 0)[0] == pid
    told["given"] = [
        (fcntl.fcntl(number, fcntl.F_GET_SEALS), fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE,
         hashlib.sha256(os.pread(number, 1 << 30, 0)).hexdigest())
        for number in range(8, 8 + count)
    ]
else:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        told["children"] = 0
os.write(3, json.dumps(told).encode())
"""


class Kept:
    """A recipe where `begin` looks for it, and the copy of a dynamic loader that it names, which may be changed."""

    def __init__(self, state: Path, loader: Path) -> None:
        self.state = state
        self.loader = loader
        (self.path,) = (state / "gotee" / "platform" / "compared").glob("recipe-*")

    def begin(self, first: Callable[[], object] | None = None) -> dict[str, Any]:
        """What SAYS says when `begin` has done its work; `first` is called in its process, before it."""
        ours, theirs = socket.socketpair()
        python, package = ahead.interpreter(), ahead.package()
        words = [f"{package}/platform/begin", str(theirs.fileno()), python, package, SAYS]
        with ours:
            with theirs:
                own = {"XDG_STATE_HOME": str(self.state)}
                subprocess.run(words, check=True, env=own, pass_fds=[theirs.fileno()], timeout=60, preexec_fn=first)
            told = b"".join(iter(lambda: ours.recv(1 << 16), b""))
        found: dict[str, Any] = json.loads(told)
        return found


@pytest.fixture
def ground(built: Built) -> Ground:
    return of_image(*contents_of(built.stream))


@pytest.fixture
def kept(built: Built, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    loader = tmp_path / "loader"
    shutil.copyfile(built.places["/base/loader"], loader)
    monkeypatch.setattr(stamps, "SETTLED", 0)
    monkeypatch.setattr(sys, "executable", ahead.interpreter())  # as in a platform's own process
    places = {**built.places, "/base/loader": str(loader)}
    loading = load.Loading(built.stream, for_development(built.measurement), places)
    for stage in load.STAGES:
        loading.finish(stage)
    for number in loading.loaded.descriptors:
        os.close(number)
    folder = tmp_path / "state" / "gotee" / "platform"
    (folder / "compared").mkdir(parents=True)
    compared.keep_recipe(str(folder), ground, places, loading.ground_stamps)
    settle(loader, *(Path(places[path]) for path in ground.paths))
    return Kept(tmp_path / "state", loader)


def settle(*paths: Path) -> None:
    """Wait until what has changed just now counts: before that nothing is taken unverified."""
    newest = max(path.stat().st_ctime for path in paths)
    while time.time() <= newest + 1.01:
        time.sleep(0.01)


def test_what_an_interpreter_is_started_on_is_copied_and_sealed(kept: Kept, ground: Ground) -> None:
    said = kept.begin()
    assert said["words"][:2] == ["3", ahead.package()]
    assert said["parent"]
    assert said["ignored"]
    block, _, *files = said["given"]
    assert {seals for seals, _, _ in said["given"]} == {SEALS}
    assert {how for _, how, _ in said["given"]} == {os.O_RDONLY}
    assert [digest for _, _, digest in files] == [file.copied[2] for file in ground.files]
    assert block[2] == hashlib.sha256(ground.block()[0]).hexdigest()
    assert len(said["open"]) == 3 + 1 + 3 + 2 + len(ground.paths)  # 0 to 2, CONTROL, recipe, gate, last words


def begins_nothing(kept: Kept) -> None:
    said = kept.begin()
    assert said["words"] == ["3", ahead.package()]
    assert said["children"] == 0
    assert said["open"] == [0, 1, 2, 3]


def test_addresses_are_random_although_the_hosts_are_not(kept: Kept) -> None:
    """As under `setarch -R` or a debugger: what begins here would have them too, and inherits what this process has."""
    libc = ctypes.CDLL(None)
    assert kept.begin(lambda: libc.personality(0x40000))["personality"] == "00000000"  # ADDR_NO_RANDOMIZE


def test_a_file_that_has_changed_since_is_not_taken_unverified(kept: Kept) -> None:
    data = kept.loader.read_bytes()
    kept.loader.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    settle(kept.loader)
    begins_nothing(kept)


def test_a_file_that_was_changed_just_now_is_not_taken_unverified(kept: Kept) -> None:
    """The next change within the same step of the file system's clock would have the same stamp."""
    data = kept.path.read_bytes()
    old = data.index(os.fsencode(kept.loader)) + len(os.fsencode(kept.loader)) + 1
    length = int.from_bytes(data[old : old + 4], "little")
    for _ in range(20):
        kept.loader.touch()
        stamp = stamps.stamp("", os.stat(kept.loader))
        assert stamp is not None
        new = os.fsencode(stamp.strip())
        kept.path.write_bytes(data[:old] + len(new).to_bytes(4, "little") + new + data[old + 4 + length :])
        said = kept.begin()
        if time.time() < kept.loader.stat().st_ctime + 0.99:
            assert said["words"] == ["3", ahead.package()]
            return
    pytest.skip("a second passes here before a program has ended")


@pytest.mark.parametrize("place", ["gone", "a folder", "shorter"])
def test_a_file_that_cannot_be_copied_begins_nothing(kept: Kept, ground: Ground, place: str) -> None:
    if place == "shorter":
        data = kept.path.read_bytes()
        (size,) = (b"%d" % file.copied[1] for file in ground.files if file.path == "/base/loader")
        at = data.rindex(size + b"\0", 0, data.index(os.fsencode(kept.loader)))
        kept.path.write_bytes(data[:at] + b"9" * len(size) + data[at + len(size) :])
    else:
        kept.loader.unlink()
        if place == "a folder":
            kept.loader.mkdir()
    begins_nothing(kept)


def test_a_damaged_recipe_begins_nothing(kept: Kept) -> None:
    data = kept.path.read_bytes()
    lengths = [at for at in range(len(recipe.MAGIC), 400) if data[at + 1 : at + 4] == b"\0\0\0"]
    damaged = [b"", data[:10], data[:-1], data + b"\0", b"x" + data[1:], data[: len(data) // 2]]
    damaged += [data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :] for at in lengths[:3]]
    damaged += [data.replace(b"\1\0\0\0" + b"1\0", b"\1\0\0\0" + b"-\0", 1)]
    for some in damaged:
        assert some != data
        kept.path.write_bytes(some)
        begins_nothing(kept)


@pytest.mark.parametrize("closed", [(0,), (0, 1, 2)])
def test_descriptors_that_are_not_open_are_no_matter(kept: Kept, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    ours, theirs = socket.socketpair()
    python, package = ahead.interpreter(), ahead.package()
    with ours:
        with theirs:
            words = [f"{package}/platform/begin", str(theirs.fileno()), python, package, SAYS]
            subprocess.run(
                words,
                env={"XDG_STATE_HOME": str(kept.state)},
                pass_fds=[theirs.fileno()],
                preexec_fn=close,
                check=True,
                timeout=60,
            )
        assert json.loads(ours.recv(1 << 16))["words"][0] == "3"


def test_a_recipe_is_kept_while_images_come_and_go(kept: Kept) -> None:
    folder = kept.path.parent.parent
    for number in range(80):
        compared.keep(str(folder), number.to_bytes(32, "big"), {"path": "stamp"})
    assert kept.path.exists()
    assert len(list(kept.path.parent.iterdir())) == 64 + 1


def test_recipes_that_nobody_uses_go(kept: Kept, ground: Ground) -> None:
    for number in range(80):
        other = kept.path.with_name(f"recipe-{number}")
        other.write_bytes(b"")
        os.utime(other, (number, number))
    folder = str(kept.path.parent.parent)
    places = dict.fromkeys(ground.paths, "/somewhere")
    compared.keep_recipe(folder, ground, places, dict.fromkeys(ground.paths, "hash 1 2 3 4 5"))
    assert sorted(kept.path.parent.iterdir()) == sorted(
        [kept.path, *(kept.path.with_name(f"recipe-{number}") for number in range(17, 80))]
    )


# -- with a program ---------------------------------------------------------------------------------------

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs Python where a program has been built, once its files have settled."""
    (tmp_path / "doubling.py").write_text(PROGRAM)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path[1:]), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment |= {"XDG_STATE_HOME": str(tmp_path / "state"), "GOTEE_IMAGE": str(tmp_path / "doubling.sgxs")}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("-m", "gotee", "build", "doubling.py")
    settle(*(tmp_path / "cache").rglob("*"))
    return run


def remembered(folder: Path) -> Path:
    (found,) = (folder / "state").rglob("recipe-*")
    return found


WITH_PIDS = """
import doubling
from gotee.host import ahead

pid = ahead._begun.platform._pid
begun = open(f"/proc/{pid}/task/{pid}/children").read().split()
while not begun:
    begun = open(f"/proc/{pid}/task/{pid}/children").read().split()
doubling.main()
print(open(f"/proc/{pid}/task/{pid}/children").read().split() == begun)
"""


def test_the_interpreter_that_was_begun_is_the_one_that_runs_the_program(run: Run, tmp_path: Path) -> None:
    assert run("doubling.py") == "42\n"
    kept = remembered(tmp_path).read_bytes()
    assert run("-c", WITH_PIDS) == "42\nTrue\n"
    assert remembered(tmp_path).read_bytes() == kept


@pytest.mark.parametrize("what", ["first lines", "first code", "early module", "plan", "words"])
def test_an_interpreter_that_was_begun_otherwise_gets_no_image(run: Run, tmp_path: Path, what: str) -> None:
    """One whose first lines are not the platform's would say so, and end: the program must not run in it."""
    assert run("doubling.py") == "42\n"
    path = remembered(tmp_path)
    honest = path.read_bytes()
    ending = b"raise SystemExit(9)\n"
    plan = marshal.dumps(sandbox.at_first(), 0)
    changed = {
        "first lines": (birth.BOOT, ending.ljust(len(birth.BOOT), b"#")),
        "first code": (b"EOFError", b"IOFError"),
        "early module": (b"__future__", b"__puture__"),
        "plan": (plan, plan[:-1] + bytes([plan[-1] ^ 1])),
        "words": (b"-S\0", b"-s\0"),
    }
    old, new = changed[what]
    assert old in honest
    path.write_bytes(honest.replace(old, new, 1))
    assert run("doubling.py") == "42\n"  # in another interpreter, as the image's own ground has it
    assert path.read_bytes() == honest
    assert run("doubling.py") == "42\n"


def test_a_package_whose_program_cannot_be_executed_starts_enclaves_all_the_same(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some tools that unpack a wheel forget which files are programs."""
    assert run("doubling.py") == "42\n"
    look = (
        "import os,doubling;spawn=os.posix_spawn;tried=[]\n"
        "def refusing(path,*more,**named):\n"
        "    tried.append(path)\n"
        "    if path.endswith('/begin'): raise PermissionError(13,'Permission denied')\n"
        "    return spawn(path,*more,**named)\n"
        "os.posix_spawn=refusing\n"
        "from gotee.host import ahead\n"
        "ahead._begun.end();ahead._begun=None\n"
        "doubling.main();print(len(tried))"
    )
    assert run("-c", look) == "42\n2\n"


def test_an_image_without_a_signature_leaves_no_child(run: Run, tmp_path: Path) -> None:
    assert run("doubling.py") == "42\n"
    (tmp_path / "doubling.sig").unlink()
    look = "import gotee,os\ntry: os.waitpid(-1,os.WNOHANG)\nexcept ChildProcessError: print('none')"
    assert run("-c", look) == "none\n"
