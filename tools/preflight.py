"""Says what a machine lacks before the Makefile starts, with the one command that brings it.

Standard library only, and it must run on any old Python far enough to say so: no f-strings, no annotations.
Usage: python tools/preflight.py [--no-compiler]
"""

# ruff: noqa: UP031

import os
import shlex
import shutil
import subprocess
import sys
import tempfile

OLDEST = (3, 11)
PROGRAM = "#include <Python.h>\n#include <stdlib.h>\nint gotee_preflight(void) { return 0; }\n"


def fail(message):
    sys.stderr.write("preflight: " + message + "\n")
    return 1


def apt_line(packages):
    prefix = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    return prefix + "apt-get install -y " + " ".join(packages)


def interpreter_problem():
    """A sentence about an interpreter that cannot be used at all, or None."""
    found = "%d.%d.%d" % sys.version_info[:3]
    if sys.version_info < OLDEST:
        packages = ["python3", "python3-dev", "python3-venv", "gcc", "libc6-dev"]
        return (
            "gotee needs CPython 3.11 or later; %s is Python %s.\n"
            "Name a newer one, `make PYTHON=python3.12 ...`, or on Debian 12, Ubuntu 24.04 and later:\n    %s"
        ) % (sys.executable, found, apt_line(packages))
    if sys.implementation.name != "cpython":
        return "gotee needs CPython; %s is %s" % (sys.executable, sys.implementation.name)
    import sysconfig

    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return (
            "%s is a free-threaded build; gotee relies on the GIL. Name a build of CPython that has it: "
            "`make PYTHON=python3.12 ...`"
        ) % sys.executable
    return None


def missing_packages(with_compiler):
    """The Debian packages that this interpreter lacks to make .venv and to compile, in a stable order."""
    import sysconfig

    python = "python%d.%d" % sys.version_info[:2]
    missing = []
    if with_compiler:
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "gcc")
        headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
        if not shutil.which(compiler[0]):
            missing += ["gcc", "libc6-dev"]
        elif headers and not compiles(compiler, sysconfig.get_path("include")):
            missing += ["libc6-dev"]
        if not headers:
            missing += [python + "-dev"]
    try:
        import ensurepip
        import venv

        del ensurepip, venv
    except ImportError:
        missing += [python + "-venv"]
    return missing


def compiles(compiler, include):
    """Whether a small extension module builds: without the C library's headers it does not."""
    folder = tempfile.mkdtemp(prefix="gotee-preflight-")
    try:
        source = os.path.join(folder, "probe.c")
        with open(source, "w") as file:
            file.write(PROGRAM)
        target = os.path.join(folder, "probe.so")
        options = ["-I", include, "-fPIC", "-shared", source, "-o", target]
        return subprocess.run(compiler + options, capture_output=True).returncode == 0
    finally:
        shutil.rmtree(folder)


def main(arguments):
    problem = interpreter_problem()
    if problem:
        return fail(problem)
    if not sys.platform.startswith("linux"):
        sys.stderr.write("preflight: this is not Linux: only `--tee inline` is meant to work here\n")
    missing = missing_packages("--no-compiler" not in arguments)
    if not missing:
        return 0
    base = getattr(sys, "_base_executable", None) or sys.executable
    if not os.path.realpath(base).startswith("/usr/bin/"):
        own = [name for name in missing if name.startswith("python")]
        if own:
            return fail(
                "%s lacks what Debian calls %s, and does not come from the system's packages: install that "
                "Python again with it, or name another with `make PYTHON=...`" % (base, " and ".join(own))
            )
    return fail("something is missing; this one line brings it:\n    " + apt_line(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
