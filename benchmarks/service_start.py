"""The start of an enclave at level service, against bare Python. Run it as root: it installs a service of its own.

    python benchmarks/service_start.py [ROUNDS]

The service lies in a temporary folder, under numbers of users that nobody has, and is taken away again. Cold is from
exec of `python main.py` with a built image to the end of its first secured call. Warm is the first secured call alone,
in a program that has imported gotee and done something else for half a second. Both are measured as a daemon serves
them that keeps an interpreter for the next enclave (`kept` of its settings), and cold also without. In each round bare
Python takes its turn too; what is measured with one daemon is divided by bare Python beside that one.

The daemon starts the interpreter that it keeps a quarter of a second after the last was used; between two starts the
script waits for that, so the figures are not those of many starts at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from first_routine import PROGRAM, bare, build, first
from gotee.host.service_status import ask
from gotee.platform.service.settings import Settings
from others import STARTED

GOTEE = [sys.executable, "-m", "gotee", "platform"]
USER, UIDS = 60690, (60691, 60705)


@contextmanager
def service(folder: Path) -> Iterator[Settings]:
    """An installation."""
    settings = Settings(
        prefix=f"{folder}/opt",
        state=f"{folder}/state",
        socket=f"{folder}/run/platform.sock",
        user=USER,
        enclave_uids=UIDS,
    )
    file = folder / "platform.toml"
    file.write_text(settings.text())
    subprocess.run([*GOTEE, "install", "--no-unit", "--config", str(file)], check=True, stdout=subprocess.DEVNULL)
    try:
        yield settings
    finally:
        subprocess.run([*GOTEE, "uninstall", "--yes", "--config", str(file)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def running(settings: Settings, folder: Path) -> Iterator[str]:
    """Its daemon; the path of its socket."""
    file = folder / "platform.toml"
    file.write_text(settings.text())
    daemon = subprocess.Popen([*GOTEE, "run", "--config", str(file)], stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    assert "ready" in daemon.stdout.readline()
    try:
        yield settings.socket
    finally:
        daemon.terminate()
        daemon.wait()


def settle(socket: str, kept: int) -> None:
    """Wait until the daemon has what it keeps, and that has gone as far as it goes by itself."""
    while ask(socket)[0].get("kept") != kept:
        time.sleep(0.02)
    time.sleep(0.3)


def measure(settings: Settings, folder: Path, rounds: int, kept: int) -> dict[str, list[float]]:
    """Times in ms, by what was measured, in turns, with a daemon that keeps so many interpreters."""
    program, later = build(folder, "program", PROGRAM), build(folder, "later", STARTED)
    taken: dict[str, list[float]] = {}
    with running(replace(settings, kept=kept), folder) as socket:
        variables = {"GOTEE_LEVEL": "service", "GOTEE_PLATFORM": socket}
        first(program, **variables)  # remembers where the files lie
        for _ in range(rounds):
            settle(socket, kept)
            taken.setdefault("bare Python", []).append(bare()[0])
            taken.setdefault("cold", []).append(first(program, **variables)[0])
            if kept:
                settle(socket, kept)
                taken.setdefault("warm", []).append(printed(later, variables))
    return taken


def tell(taken: dict[str, list[float]], kept: int) -> None:
    """Medians, and their ratios to bare Python of the same rounds."""
    print(f"{kept} kept")
    plain = median(taken["bare Python"])
    for what, times in taken.items():
        print(f"  {what:18} {median(times):7.1f} ms: {median(times) / plain:5.2f} bare interpreters")


def printed(program: Path, variables: dict[str, str]) -> float:
    """What a program measures of itself."""
    environment = {**os.environ, "GOTEE_IMAGE": str(program.with_suffix(".sgxs")), **variables}
    done = subprocess.run([sys.executable, str(program)], check=True, env=environment, capture_output=True)
    return float(done.stdout)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory(prefix="gotee-service-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with service(folder) as settings:
            for kept in (1, 0):
                tell(measure(settings, folder, rounds, kept), kept)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {rounds} rounds")


if __name__ == "__main__":
    main()
