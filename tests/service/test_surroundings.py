"""What surrounds the service is set to something odd."""

from __future__ import annotations

import ctypes
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from gotee.host import install
from gotee.host import service as client
from gotee.host.service_status import connect
from gotee.host.start import Image
from gotee.platform.service import wire
from gotee.platform.service.settings import Settings

from .conftest import Service, await_up

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
LIBC = ctypes.CDLL(None)
_ADDR_NO_RANDOMIZE = 0x40000  # sys/personality.h


def _set_oddly() -> None:
    """As a supervisor that waits for signals itself may be, or whoever debugs."""
    LIBC.personality(_ADDR_NO_RANDOMIZE)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def test_a_service_does_not_pass_on_what_it_was_started_with(
    installation: Settings, image: Image, tmp_path: Path
) -> None:
    service = Service(replace(installation, patience=1), tmp_path, _set_oddly)
    try:
        started = await_up(client.start(image, "ring", installation.socket))
        for pid in service.pids():
            assert Path(f"/proc/{pid}/personality").read_text().strip() == "00000000"
            assert "SigBlk:\t0000000000000000\n" in Path(f"/proc/{pid}/status").read_text()
        started.control.close()
        started.link.close()
        with connect(installation.socket) as silent:
            silent.settimeout(60)
            assert "`patience` of the service" in str(wire.receive(silent)[0]["refused"])
    finally:
        service.process.send_signal(signal.SIGTERM)
        try:
            service.process.wait(60)
        finally:
            service.process.kill()
            service.stop()
    assert service.nobody_left()


def test_an_installation_has_no_library_that_only_builders_need(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("libpython.a", "os.py"):
        (tmp_path / "there" / name).write_text("")
    install._copy_tree(tmp_path / "there", tmp_path / "copy")
    assert os.listdir(tmp_path / "copy") == ["os.py"]
