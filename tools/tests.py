"""Run the tests; where GOTEE_ONCE_MORE names a file, as in .ci/run, the few that failed once more, alone.

Usage: tests.py [WORDS FOR PYTEST]; WORKERS is how many processes share the tests (2).
A test that fails alone too fails the run. One that then passes hangs on what else the machine does: it is named at the
end as unsteady, with what it printed above, and is to be mended; it does not hide what the other thousands say. The
file collects the names, with the version of Python, over all runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOME_FAILED = 1  # pytest's exit status; any other one is no matter of a single test
FEW = 5


def pytest(cache: str, *words: str) -> int:
    """The exit status of one run."""
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *words]
    print("$", *command[1:], flush=True)
    return subprocess.run(command, check=False).returncode


def last_failed(cache: str) -> list[str]:
    """The tests that failed in the run before, by the record which pytest keeps."""
    record = Path(cache, "v", "cache", "lastfailed")
    return sorted(json.loads(record.read_text())) if record.exists() else []


def main() -> int:
    """The exit status of the last run."""
    words = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="gotee-tests-") as cache:
        status = pytest(cache, "-n", os.environ.get("WORKERS", "2"), *words)
        failed = last_failed(cache)
        record = os.environ.get("GOTEE_ONCE_MORE")
        if status != SOME_FAILED or not record or not 0 < len(failed) <= FEW:
            return status
        print("once more, alone:", *failed, sep="\n  ", flush=True)
        status = pytest(cache, "-n", "0", "--last-failed", "--last-failed-no-failures", "none", *words)
        if status == 0:
            print("UNSTEADY, to be mended:", *failed, sep="\n  ", file=sys.stderr)
            with open(record, "a", encoding="utf-8") as file:
                file.writelines(f"{'.'.join(map(str, sys.version_info[:2]))}: {name}\n" for name in failed)
        return status


if __name__ == "__main__":
    sys.exit(main())
