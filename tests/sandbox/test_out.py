"""Ways out of an enclave, tried by system calls of an extension module: denied, and by more than one layer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import gotee

from . import extension

HERE = Path(__file__).parent
DENIED = {"EPERM", "EACCES", "ENOENT", "ENOSYS", "SIGSYS"}
# Refused in the kernel's own words: others are not seen. Newer kernels let the two calls of probes past every filter,
# and answer none but their own probes.
OTHERWISE = {
    **{f"{name} of another": "ESRCH" for name in ("get_robust_list", "getpriority", "sched_getparam")},
    "getsid of another": "ESRCH",
    "getpgid of another": "ESRCH",
    "waitid of another": "ECHILD",
    "write into a file of memory": "EFBIG",  # no file may have a size
    "uprobe": "ENXIO",
    "uretprobe": "SIGILL",
}
X86 = os.uname().machine == "x86_64"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the extension module."""
    made = tmp_path_factory.mktemp("raw")  # where every user may make a folder
    for parent in made.parents[:2]:
        parent.chmod(0o755)
    made.chmod(0o1777)
    return extension.build(made)


# A user who owns nothing; reading is for a checkout and an interpreter in root's home.
SOMEBODY = ["setpriv", "--reuid=61008", "--regid=61008", "--clear-groups"]
SOMEBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def tried(folder: Path, what: str = "", off: str = "", user: Sequence[str] = ()) -> Mapping[str, str]:
    """What became of the attempts (all, or those named with `;` between), with parts of the sandbox off."""
    done = subprocess.run(
        [*user, sys.executable, str(HERE / "attempts.py"), str(folder), what, off],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=150,
        env={"PYTHONPATH": f"{folder}:{Path(gotee.__file__).parents[1]}", "PATH": os.environ["PATH"]},
    )
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("user", [(), SOMEBODY], ids=["whoever tests", "a user who owns nothing"])
def test_no_attempt_succeeds(folder: Path, user: Sequence[str]) -> None:
    """The second is what an enclave of level service is."""
    if user and (os.geteuid() != 0 or shutil.which("setpriv") is None):
        pytest.skip("needs root to become another user, and setpriv")
    answers = tried(folder, user=user)
    assert len(answers) > 375
    refused = {name: {answer, *DENIED} for name, answer in OTHERWISE.items()}
    assert {name: answer for name, answer in answers.items() if answer not in refused.get(name, DENIED)} == {}
    for name in ("ptrace", "process_vm_readv", "bpf", "mount", "unshare users", "pidfd_getfd", "keyctl"):
        assert answers[name] == "SIGSYS", name
    if X86:
        assert [answers[name] for name in ("int 0x80", "int 0x80, open", "x32")] == ["SIGSYS"] * 3


PROGRAM = """\
import os
import sys

import raw
from gotee import gosecure


def attack(number: int, words: list[int | bytes]) -> int:
    return raw.call(number, *words)


if __name__ == "__main__":
    name = sys.argv[1].encode()
    pid = os.getppid()
    attempts = [(257, [-100, name, 0]), (257, [-100, b"/proc/self/maps", 0]), (62, [pid, 0]), (41, [2, 1, 0]),
                (56, [17]), (39, [])]
    print([gosecure(attack, number, words).result() for number, words in attempts])
    print(gosecure(attack, 101, [16, pid, 0, 0]).result())
"""


@pytest.mark.skipif(not X86, reason="the numbers are those of x86_64")
def test_an_extension_module_of_a_real_enclave_does_not_get_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-m", "gotee", "run", "--tee", "process", "main.py", str(tmp_path / "main.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={**kept, "PYTHONPATH": f"{folder}:{Path(gotee.__file__).parents[1]}"},
    )
    assert done.stdout == "[-2, -2, -1, -1, -1, 1]\n", done.stderr  # number 39 asks for its own number
    assert "EnclaveLost" in done.stderr  # ptrace ended it
    assert done.returncode == 1


WITHOUT_SANDBOX = [
    *("openat a file", "openat to write", "openat a folder", "openat a new file", "openat2", "truncate", "unlinkat"),
    *("socket TCP", "socket UDP", "socket abstract", "socket by path", "recvmsg of descriptors", "inotify"),
    *("kill another", "tgkill", "pidfd_open", "process_vm_readv", "ptrace", "prlimit of another", "clone a process"),
    *("memfd_create", "userfaultfd", "io_uring_setup", "mmap to write and run", "mprotect to run", "unshare files"),
    *("fcntl F_SETOWN", "fcntl F_SETSIG", "timer_create with a signal", "personality", "prctl dumpable"),
    *("sched_setaffinity of another", "rt_sigqueueinfo", "openat memory of others", "keyctl", "fsopen"),
]


def test_without_a_sandbox_the_attempts_work(folder: Path) -> None:
    """So that none is denied by a mistake of its own."""
    if os.geteuid() != 0:
        pytest.skip("some of them need root")
    answers = tried(folder, ";".join(WITHOUT_SANDBOX), "all")
    assert {name: answer for name, answer in answers.items() if answer != "done"} == {}


def test_what_differs_by_a_word_gets_to_the_kernel_without_a_sandbox(folder: Path) -> None:
    """So that each is refused by the sandbox, and by nothing else."""
    if os.geteuid() != 0:
        pytest.skip("some of them need root")
    answers = tried(folder, "tabled", "all")
    assert len(answers) > 135
    assert {name: answer for name, answer in answers.items() if answer in ("EPERM", "ENOSYS", "SIGSYS")} == {}
    of_others = [name for name in answers if name.startswith("open /proc/W")]
    assert {answers[name] for name in of_others} == {"done"}


BY_THE_FILTER = ["memfd_create", "inotify", "clone a process", "mmap to write and run", "mprotect to run"]


def test_without_the_filter_some_work(folder: Path) -> None:
    """What this filter holds: a test that does not see it missing would see nothing."""
    answers = tried(folder, ";".join(BY_THE_FILTER), "filter")
    assert answers == dict.fromkeys(BY_THE_FILTER, "done")


LAYERS = [
    ("openat a file", "filter,landlock", "ENOENT", "root"),
    ("openat a file", "filter,root,namespaces,capabilities", "EACCES", "landlock-files"),
    ("openat to write", "filter,landlock", "ENOENT", "root"),
    ("openat to write", "filter,root,namespaces,capabilities", "EACCES", "landlock-files"),
    ("openat a folder", "filter,root,namespaces", "EACCES", "landlock-files"),
    ("unlinkat", "filter,root,namespaces,capabilities", "EACCES", "landlock-files"),
    ("truncate", "filter,root,namespaces,capabilities", "EACCES", "landlock-files"),
    ("openat memory of others", "filter,landlock", "ENOENT", "root"),
    ("socket TCP", "filter,landlock", "ENETUNREACH", "netns"),
    ("socket TCP", "filter,root,namespaces,capabilities", "EACCES", "landlock-net"),
    ("socket UDP", "filter,landlock", "ENETUNREACH", "netns"),
    ("socket abstract", "filter,landlock", "ECONNREFUSED", "netns"),
    ("socket abstract", "filter,root,namespaces,capabilities", "EPERM", "landlock-scopes"),
    ("socket by path", "filter,landlock", "ENOENT", "root"),
    ("kill another", "filter,landlock", "ESRCH", "pidns"),
    ("kill another", "filter,root,namespaces,capabilities", "EPERM", "landlock-scopes"),
    ("ptrace", "filter,landlock", "ESRCH", "pidns"),
    ("ptrace", "filter,root,namespaces,capabilities", "EPERM", "landlock-files"),
    ("process_vm_readv", "filter,landlock", "ESRCH", "pidns"),
    ("prlimit of another", "filter,landlock", "ESRCH", "pidns"),
    ("sched_setaffinity of another", "filter,landlock", "ESRCH", "pidns"),
    ("mount", "filter,landlock", "EPERM", "capabilities"),
    ("chroot", "filter,landlock", "EPERM", "capabilities"),
    ("sethostname", "filter,landlock", "EPERM", "capabilities"),
]


def test_each_layer_holds_alone(folder: Path) -> None:
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, off, answer, _ in LAYERS:
        groups.setdefault(off, []).append((name, answer))
    for off, wanted in groups.items():
        assert tried(folder, ";".join(name for name, _ in wanted), off) == dict(wanted), off
