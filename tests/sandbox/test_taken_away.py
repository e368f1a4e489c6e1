"""Machines that lack something: what the doctor says of them, and what a program does there, are the same."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gotee
from gotee.enclave import layers
from gotee.host import needs as needing
from gotee.host.needs import needs
from gotee.platform.required import LANDLOCK, LAYERS, NAMESPACES

WITHOUT = str(Path(__file__).with_name("without.py"))
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
NOTHING = "memfd_secret:0=ENOSYS"  # a filter, but for no call
IGNORING = "import os, signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])"
PROGRAM = """\
import os
from gotee import gosecure

def answer() -> int:
    return 42

if __name__ == "__main__":
    print(gosecure(answer).result())
"""
root_keeps = () if os.geteuid() == 0 else NAMESPACES[1:]
AWAY = {
    "nothing": ([NOTHING], ()),
    "Landlock": (["landlock_create_ruleset=ENOSYS"], LANDLOCK),
    "Landlock, by a container": (["landlock_restrict_self=EPERM"], LANDLOCK),
    "secret memory": (["memfd_secret=ENOSYS"], ("secretmem",)),
    "all namespaces": (["unshare=EPERM"], (*NAMESPACES, "threads", "root")),
    "user namespaces": ([f"unshare:{NEW_USER}=ENOSPC"], ("userns", "threads", *root_keeps)),
    "process namespaces": ([f"unshare:{NEW_PID}=EINVAL"], ("pidns",)),
    "network namespaces": ([f"unshare:{NEW_NET}=EINVAL"], ("netns",)),
    "mounts": (["mount=EPERM"], ("root",)),
    "the change of root, as where the root is an initramfs": (["pivot_root=EINVAL"], ("root",)),
    "the closing of ranges, as before Linux 5.9": (["close_range=ENOSYS"], ()),
    "the change of the machine's name, as by ProtectHostname=": (["sethostname=EPERM"], ("utsns",)),
    "the newer mount calls": (["open_tree=ENOSYS", "mount_setattr=ENOSYS"], ("root",)),
}


def run(away: list[str], *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, WITHOUT, *away, "--", sys.executable, "-m", "gotee", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**kept, "PYTHONPATH": str(Path(gotee.__file__).parents[1]), **environment},
    )


def report(away: list[str], **environment: str) -> dict[str, object]:
    answer: dict[str, object] = json.loads(run(away, "doctor", "--json", **environment).stdout)
    return answer


@pytest.fixture
def program(tmp_path: Path) -> str:
    file = tmp_path / "main.py"
    file.write_text(PROGRAM)
    return str(file)


@pytest.mark.parametrize("what", AWAY)
def test_what_is_missing_is_told_by_the_program_too(program: str, what: str) -> None:
    away, missing = AWAY[what]
    lacking = [name for name in LAYERS if name in missing]
    done = run(away, "run", program)
    assert (done.returncode, done.stdout) == (0, "42\n")
    told = [line for line in done.stderr.splitlines() if "sandbox" in line]
    assert told == ([f"gotee: the sandbox lacks {', '.join(lacking)}; `gotee doctor` says why"] if lacking else [])


@pytest.mark.parametrize(
    "what",
    [
        "nothing",
        "Landlock",
        "all namespaces",
        "mounts",
        "the closing of ranges, as before Linux 5.9",
        "the change of the machine's name, as by ProtectHostname=",
    ],
)
def test_the_doctor_finds_the_same_and_names_reason_and_cure(what: str) -> None:
    away, missing = AWAY[what]
    found = report(away)
    layers = found["sandbox"]["layers"]  # type: ignore[index]
    assert [layer["name"] for layer in layers] == list(LAYERS)
    assert {layer["name"] for layer in layers if not layer["holds"]} == set(missing)
    for layer in layers:
        assert bool(layer["missing"]) == bool(layer["cure"]) == (layer["name"] in missing)
    assert found["ready"]  # a program runs


def test_what_everything_needs_is_named_as_the_cause_of_all_that_fails() -> None:
    done = run(["pidfd_open=EPERM"], "doctor", "--json")
    found = json.loads(done.stdout)
    checks = {check["name"]: check for check in found["checks"]}
    assert (done.returncode, found["ready"], checks["pidfd_open"]["ok"]) == (1, False, False)
    assert "Linux 5.3 or later" in checks["pidfd_open"]["note"]
    development = found["tee"]["process"]["levels"]["development"]
    assert "pidfd_open does not work here: Operation not permitted" in development["missing"]
    assert "no seccomp filter around gotee that refuses it" in development["cure"]


@pytest.mark.parametrize(
    ("away", "missing"),
    [
        ("sched_getaffinity=EPERM", "sched_getaffinity does not work here"),
        ("prlimit64=EPERM", "the limit on open files cannot be read"),
        ("pipe2=EMFILE", "pipe2 does not work here"),
    ],
)
def test_the_doctor_answers_although_it_cannot_ask(away: str, missing: str) -> None:
    """It said that its standard output could not be written."""
    done = run([away], "doctor", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    assert missing in levels(done)[0]


def test_without_unix_sockets_they_are_named_as_the_cause_by_both(program: str) -> None:
    away = ["socketpair=EPERM"]
    done = run(away, "run", program)
    assert done.returncode == 1
    assert "EnclaveLost: no enclave can be started here: Operation not permitted; `gotee doctor` says" in done.stderr
    development = report(away)["tee"]["process"]["levels"]["development"]  # type: ignore[index]
    assert development["missing"] == "Unix sockets do not work here: Operation not permitted"


def within(prefix: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    """gotee behind another command."""
    if shutil.which(prefix[0]) is None:
        pytest.skip(f"{prefix[0]} is not installed")
    return subprocess.run(
        [*prefix, sys.executable, "-m", "gotee", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(gotee.__file__).parents[1])},
    )


def levels(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What the doctor says of level development: what is missing, and the cure."""
    development = json.loads(done.stdout)["tee"]["process"]["levels"]["development"]
    return development["missing"], development["cure"]


OTHER = ["setpriv", "--reuid=61009", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@pytest.mark.parametrize(("most", "runs"), [(1, False), (64, True)])
def test_a_limit_on_processes_is_found_with_its_cure(program: str, tmp_path: Path, most: int, runs: bool) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs a user who has no other processes, so root")
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    script = (
        f"import os,resource,sys\nresource.setrlimit(resource.RLIMIT_NPROC, ({most}, {most}))\n"
        f"os.environ['HOME']={str(home)!r}\nos.execvp(sys.argv[1], sys.argv[1:])"
    )
    limited = [*OTHER, sys.executable, "-c", script]
    done = within(limited, "run", program)
    found = within(limited, "doctor", "--json")
    if runs:
        assert (done.stdout, levels(found)) == ("42\n", ("", ""))
    else:
        assert "no enclave can be started here" in done.stderr
        missing, cure = levels(found)
        assert missing.startswith("no more processes can be started")
        assert cure == "ulimit -u unlimited"


def test_forbidden_executable_memory_is_found_with_its_cure_and_a_setting_that_only_asks_is_obeyed(
    program: str,
) -> None:
    if os.geteuid() != 0 or not os.path.exists("/proc/sys/vm/memfd_noexec"):
        pytest.skip("needs root, and Linux 6.3")

    def setting(value: int) -> list[str]:
        """It holds for a process namespace."""
        script = f'echo {value} > /proc/sys/vm/memfd_noexec || exit 77; exec "$@"'
        return ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh"]

    done = within(setting(1), "run", program)
    if done.returncode == 77:
        pytest.skip("the setting cannot be changed here")
    assert done.stdout == "42\n", done.stderr
    cure = "sysctl vm.memfd_noexec=0"
    assert f"memory that can be executed is forbidden here: {cure}" in within(setting(2), "run", program).stderr
    assert levels(within(setting(2), "doctor", "--json")) == ("memory that can be executed is forbidden here", cure)


@pytest.mark.parametrize(("kind", "layer"), [("user", "userns"), ("net", "netns"), ("mnt", "mountns")])
def test_a_setting_that_allows_no_more_namespaces_is_found_and_its_cure_is_one(kind: str, layer: str) -> None:
    place = f"/proc/sys/user/max_{kind}_namespaces"
    cure = f"sysctl user.max_{kind}_namespaces=1000"

    def doctor(first: str) -> dict[str, str]:
        inside = ["unshare", "--user", "--map-root-user", "sh", "-c", f'{first} || exit 77; exec "$@"', "sh"]
        done = within(inside, "doctor", "--json")
        if done.returncode == 77:
            pytest.skip("no user namespace with settings of its own here")
        layers: dict[str, str] = {one["name"]: one["cure"] for one in json.loads(done.stdout)["sandbox"]["layers"]}
        return layers

    assert doctor(f"echo 0 > {place}")[layer] == cure
    wanted = cure.removeprefix("sysctl ").partition("=")[2]
    assert doctor(f"(echo 0 > {place}) && echo {wanted} > {place}")[layer] == ""


@pytest.mark.parametrize(
    ("limit", "most", "cure"),
    [
        ("RLIMIT_NOFILE", 64, "ulimit -n"),
        ("RLIMIT_AS", 1 << 27, "ulimit -v"),
        ("RLIMIT_FSIZE", 0, "ulimit -f"),
        ("RLIMIT_DATA", 1 << 26, "ulimit -d"),
    ],
)
def test_a_limit_that_is_too_low_is_found_with_the_command_that_raises_it(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, cure: str
) -> None:
    real = resource.getrlimit
    low = getattr(resource, limit)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (most, most) if kind == low else real(kind))
    (found,) = [need for need in needs() if need.missing]
    assert str(most) in found.missing
    assert found.cure.startswith(cure)


@pytest.mark.parametrize(("limit", "runs"), [("as", True), ("data", True), ("data", False)])
def test_a_program_runs_in_what_the_doctor_says_is_enough(program: str, limit: str, runs: bool) -> None:
    most = {"as": needing._ADDRESS_SPACE, "data": needing._DATA}[limit] if runs else 1 << 25
    done = within(["prlimit", f"--{limit}={most}"], "run", program)
    found = within(["prlimit", f"--{limit}={most}"], "doctor", "--json")
    assert (done.returncode == 0, json.loads(found.stdout)["ready"]) == (runs, runs)
    if not runs:
        assert levels(found)[1] == "ulimit -d unlimited"


def test_without_a_folder_for_temporary_files_programs_run_and_the_doctor_says_so(program: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount")
    script = "for f in /tmp /var/tmp; do mount --bind $f $f && mount -o remount,bind,ro $f || exit 77; done"
    only = ["unshare", "-m", "sh", "-c", f'{script}; cd /proc; unset TMPDIR; exec "$@"', "sh"]
    done = within(only, "run", program)
    if done.returncode == 77:
        pytest.skip("nothing can be mounted here")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    found = json.loads(within(only, "doctor", "--json").stdout)
    assert (found["ready"], found["tee"]["process"]["levels"]["development"]["missing"]) == (True, "")


def test_a_user_without_a_home_is_told_what_to_set_and_leaves_no_folder(program: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs a user without an entry, so root")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o777 if folder == tmp_path else 0o755)
    nobody = ["env", "-u", "HOME", "-u", "XDG_CACHE_HOME", "-C", str(tmp_path), *OTHER]
    done = within(nobody, "run", program)
    assert done.returncode == 1
    assert "this user has no home folder: set HOME, or XDG_CACHE_HOME" in done.stderr
    assert levels(within(nobody, "doctor", "--json"))[0].startswith("this user has no home folder: set HOME")
    assert os.listdir(tmp_path) == ["main.py"]


def test_the_setting_that_forbids_namespaces_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(layers, "_SETTINGS", str(tmp_path))
    (tmp_path / "kernel").mkdir()
    error = OSError(errno.EPERM, "Operation not permitted")
    assert "security module" in layers._no_user_namespace(error)[1]
    for name, forbids, cure in (
        ("unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
        ("apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
    ):
        (tmp_path / "kernel" / name).write_text(f"{forbids}\n")
        assert layers._no_user_namespace(error)[1] == cure


def test_memory_for_keys_that_a_limit_forbids_names_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(size: int) -> memoryview:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(layers.confine, "secret_memory", refuse)
    layer = layers.secret_memory(32 << 10, lambda memory: None)
    assert (layer.missing, layer.cure) == ("the limit on locked memory is too low", "ulimit -l 32 or more")


@pytest.mark.parametrize("required", ["all", "landlock, netns"])
def test_what_is_required_and_missing_is_an_error_before_the_program_runs_inside(program: str, required: str) -> None:
    away = ["unshare=EPERM", "memfd_secret=ENOSYS"]
    Path(program).write_text(PROGRAM.replace("def answer", "print('imported inside')\n\ndef answer"))
    done = run(away, "run", program, GOTEE_REQUIRE=required)
    assert done.returncode == 1
    assert "SandboxError: GOTEE_REQUIRE asks for" in done.stderr
    assert done.stdout == "imported inside\n"  # once: outside
    found = report(away, GOTEE_REQUIRE=required)
    assert (found["ready"], found["sandbox"]["satisfied"]) == (False, False)  # type: ignore[index]


def test_what_is_required_and_there_is_no_error(program: str) -> None:
    done = run(["memfd_secret=ENOSYS"], "run", program, GOTEE_REQUIRE="landlock,namespaces,root,threads")
    assert (done.returncode, done.stdout) == (0, "42\n")


def test_an_enclave_starts_where_no_folder_can_be_made(program: str) -> None:
    """Nothing is written for it, so nothing can be changed before it is used, or be left behind."""
    make = "mkdir" if os.uname().machine == "x86_64" else "mkdirat"
    done = run([f"{make}=EROFS"], "run", program)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


def test_a_program_that_ignores_the_end_of_children_runs_and_the_doctor_answers(program: str) -> None:
    """What is ignored stays so over exec: the platform would have no child to wait for, nor the doctor."""

    def run_so(*words: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GOTEE_")}
        command = [sys.executable, "-c", IGNORING, sys.executable, "-m", "gotee", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=kept)

    assert run_so("run", program).stdout == "42\n"
    assert json.loads(run_so("doctor", "--json").stdout)["ready"]


@pytest.mark.parametrize("name", ["alll", "Landlock", "seccomp", "landlock;netns"])
def test_a_layer_that_is_not_known_is_refused(program: str, name: str) -> None:
    done = run([NOTHING], "run", program, GOTEE_REQUIRE=name)
    assert done.returncode == 2
    assert "is no layer of the sandbox; choose of all, namespaces, landlock, userns" in done.stderr


def test_without_the_floor_nothing_runs_and_the_doctor_says_so(program: str) -> None:
    done = run(["seccomp=ENOSYS"], "run", program)
    assert done.returncode == 1
    assert "SandboxError: without the floor of its sandbox no enclave runs: the kernel takes no seccomp" in done.stderr
    assert "capabilities cannot be given up" in run(["capset=EPERM"], "run", program).stderr
    found = report(["seccomp=ENOSYS"])
    assert not found["ready"]
    assert not found["sandbox"]["floor"]["holds"]  # type: ignore[index]
    assert not found["tee"]["process"]["runs"]  # type: ignore[index]
    assert "no seccomp filter" in found["tee"]["process"]["levels"]["development"]["missing"]  # type: ignore[index]
