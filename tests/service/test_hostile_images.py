"""An image that does not shut itself in: what it finds as an enclave's user, and what it leaves behind. Needs root."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from gotee.platform.service.child import FIRST, become

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
USER = 60705  # no enclave of the suites has it
NOWHERE = "nothing to mount on"

# Descriptor 3 is a folder of an accomplice outside, which every user may write. A file that is set-uid there would let
# the accomplice become the enclave's user, whom the next enclave with that number would trust.
IMAGE = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void said(const char *name, long answer) {
    dprintf(2, "%s %d\n", name, answer < 0 ? errno : 0);
}

int main(int count, char **words) {
    struct rlimit most;
    struct { uint64_t flags, mode, resolve; } how = {O_CREAT | O_WRONLY, 04755, 0};
    char path[32], parameters[120] = {0};
    (void)count;
    umask(0);
    if (!strcmp(words[1], "32 bits")) {
        long answer = 15; /* chmod */
        openat(3, "plain", O_CREAT | O_WRONLY, 0755);
        __asm__ volatile("int $0x80" : "+a"(answer) : "b"("plain"), "c"(04755) : "memory");
        return 0;
    }
    DIR *root = opendir("/");
    for (struct dirent *entry; root && (entry = readdir(root));)
        if (entry->d_name[0] != '.') dprintf(2, "sees /%s\n", entry->d_name);
    said("write-root", open("/left", O_CREAT | O_WRONLY, 0644));
    said("write-dev", open("/dev/left", O_CREAT | O_WRONLY, 0644));
    said("socket-of-system", access("/run", F_OK));
    int plain = openat(3, "plain", O_CREAT | O_WRONLY, 0755);
    said("plain", plain);
    said("fchmod", fchmod(plain, 04755));
    said("fchmod-group", fchmod(plain, 02755));
    snprintf(path, sizeof path, "/proc/self/fd/%d", plain);
    said("chmod", syscall(SYS_fchmodat, AT_FDCWD, path, 04755));
    said("fchmodat", syscall(SYS_fchmodat, 3, "plain", 06755));
    said("fchmodat2", syscall(452, 3, "plain", 04755, 0));
    said("openat", openat(3, "made", O_CREAT | O_WRONLY, 04755));
    said("tmpfile", openat(3, ".", O_TMPFILE | O_WRONLY, 04755));
    said("mknodat", syscall(SYS_mknodat, 3, "node", S_IFREG | 04755, 0));
    said("openat2", syscall(437, 3, "second", &how, sizeof how));
    said("io_uring", syscall(425, 1, parameters));
    said("io_uring_register", syscall(427, 5, 9, 0, 0)); /* IORING_REGISTER_PERSONALITY */
    said("io_uring_enter", syscall(426, 5, 0, 0, 0, 0, 0));
    char byte, control[64];
    struct iovec piece = {&byte, 1};
    struct msghdr message = {0, 0, &piece, 1, control, sizeof control, 0};
    struct { struct msghdr message; unsigned length; } messages = {message, 0};
    said("recvmsg", recvmsg(6, &message, MSG_DONTWAIT));
    said("recvmmsg", syscall(SYS_recvmmsg, 6, &messages, 1, MSG_DONTWAIT, 0));
    said("recv", recv(6, &byte, 1, MSG_DONTWAIT));
    struct cmsghdr rights = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    memcpy(control, &rights, sizeof rights);
    memset(control + sizeof rights, 0, sizeof(int));
    messages.message = message;
    said("sendmsg", sendmsg(6, &message, MSG_DONTWAIT));
    said("sendmmsg", syscall(SYS_sendmmsg, 6, &messages, 1, MSG_DONTWAIT));
    said("send", send(6, "x", 1, MSG_DONTWAIT));
    for (int family = 1; family < 46; family++) {
        int made = socket(family, SOCK_STREAM, 0);
        for (int kind = SOCK_DGRAM; made < 0 && kind <= SOCK_SEQPACKET; kind++) made = socket(family, kind, 0);
        if (made >= 0) { snprintf(path, sizeof path, "socket-of-family-%d", family); said(path, made); close(made); }
    }
    int child = fork();
    if (!child) { pause(); _exit(0); }
    long held = syscall(SYS_ptrace, 0x4206, child, 0, 0x40); /* PTRACE_SEIZE, PTRACE_O_TRACEEXIT */
    said("ptrace", held);
    said("process_vm_readv", syscall(SYS_process_vm_readv, child, &piece, 1, &piece, 1, 0));
    kill(child, SIGKILL);
    if (held < 0) waitpid(child, 0, 0);
    said("keyctl", syscall(SYS_keyctl, 0, -3, 1)); /* the number of its session's ring, which is root's */
    said("add_key", syscall(SYS_add_key, "user", "gotee-test", "x", 1, -3));
    said("request_key", syscall(SYS_request_key, "user", "gotee-test", 0, 0));
    said("userfaultfd", syscall(SYS_userfaultfd, 1));
    said("perf_event_open", syscall(SYS_perf_event_open, parameters, 0, -1, -1, 0));
    said("setns", syscall(SYS_setns, open("/proc/self/ns/uts", O_RDONLY), 0));
    said("unshare", syscall(SYS_unshare, 0x400)); /* what shuts an image in is allowed */
    fchdir(3);
#ifdef __x86_64__
    said("old-chmod", syscall(SYS_chmod, "plain", 04755));
    said("old-open", syscall(SYS_open, "old", O_CREAT | O_WRONLY, 04755));
    said("old-creat", syscall(SYS_creat, "old", 04755));
    said("old-mknod", syscall(SYS_mknod, "old", S_IFREG | 04755, 0));
#endif
    said("fchmod-back", fchmod(plain, 0644));
    getrlimit(RLIMIT_CORE, &most);
    said("core", most.rlim_max > 1 ? 0 : (errno = EPERM, -1));
    return 0;
}
"""
ALLOWED = {"plain", "fchmod-back", "recv", "send", "unshare", "socket-of-family-1"}
HIDDEN = {"socket-of-system": "ENOENT", "write-root": "EROFS", "write-dev": "EROFS"}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    if os.geteuid() != 0:
        pytest.skip("level service changes users, which needs root")
    folder = tmp_path_factory.mktemp("image")
    (folder / "image.c").write_text(IMAGE)
    words = ["cc", "-static", "-O1", "-w", str(folder / "image.c"), "-o", str(folder / "image")]
    subprocess.run(words, check=True, timeout=60)
    return str(folder / "image")


def run(image: str, folder: Path, what: str, place: str) -> tuple[dict[str, str], list[str], int]:
    """What became of each attempt, what was seen in the root folder, and the status."""
    read, write = os.pipe()
    parent = os.getpid()
    folder.chmod(0o777)
    pid = os.fork()
    if not pid:
        null, opened = os.open(os.devnull, os.O_RDONLY), os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        program = os.open(image, os.O_RDONLY)
        limits = (1 << 34, parent, place)
        own = [null, write, opened, program, _ring(), _letters()]
        become(USER, *limits, f"/proc/self/fd/{FIRST + 1}", ["image", what], {}, own)
    os.close(write)
    with os.fdopen(read) as file:
        lines = file.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    words = [line.split(" ", 1) for line in lines]
    return (
        {name: errno.errorcode.get(int(answer), "done") for name, answer in words if name != "sees"},
        sorted(answer for name, answer in words if name == "sees"),
        status,
    )


def _ring() -> int:
    """An io_uring, or /dev/null where the kernel has none."""
    made = int(ctypes.CDLL(None).syscall(425, 1, bytes(120)))  # the same number on every machine
    return made if made >= 0 else os.open(os.devnull, os.O_RDONLY)


def _letters() -> int:
    """A socket on which two messages with a descriptor wait, and one without."""
    near, far = socket.socketpair()
    for _ in range(2):
        socket.send_fds(near, [b"x"], [near.fileno()])
    near.send(b"x")
    os.set_inheritable(near.fileno(), True)
    near.detach()
    return far.detach()


def set_ids(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)]


def test_it_sees_no_files_and_leaves_none_that_would_make_others_its_user(image: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    found, seen, status = run(image, outside, "all", str(place))
    assert status == 0, found
    assert seen == ["/dev", "/proc"]
    assert {name: found[name] for name in HIDDEN} == HIDDEN
    assert {name for name, answer in found.items() if answer == "done"} == ALLOWED
    assert set_ids(outside) == []
    assert (outside / "plain").stat().st_uid == USER
    assert list(place.iterdir()) == []  # what was mounted there, nobody else saw


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the calls of 32 bits are those of i386")
def test_calls_of_32_bits_end_it(image: str, tmp_path: Path) -> None:
    assert run(image, tmp_path, "32 bits", str(tmp_path))[2] == -31  # SIGSYS
    assert set_ids(tmp_path) == []


def test_where_mounts_are_forbidden_it_leaves_none_either(image: str, tmp_path: Path) -> None:
    found, seen, status = run(image, tmp_path, "all", str(tmp_path / NOWHERE))
    assert status == 0, found
    assert "/etc" in seen
    assert {name for name, answer in found.items() if answer == "done"} - {"socket-of-system"} == ALLOWED
    assert set_ids(tmp_path) == []
