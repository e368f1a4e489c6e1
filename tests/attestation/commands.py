"""`gotee VERB` in the test's own process: what starts no enclave needs no interpreter of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from tests.cli.conftest import environment

from gotee.cli import main
from gotee.platform import quoting


def gotee_here(folder: Path, *words: object, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """The verb's status and output, run in `folder` with a platform's state below it."""
    given = environment(**{"XDG_STATE_HOME": str(folder / "state"), **settings})
    told, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, given, clear=True),
        mock.patch.dict(quoting._made, clear=True),  # a new process has read no keys yet
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(errors),
    ):
        status = main([str(word) for word in words])
    return subprocess.CompletedProcess(words, status, told.getvalue(), errors.getvalue())
