"""`gotee debug`: pdb inside, on the user's terminal; in no other image."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .program import environment_of_a_user, write_program

SOURCE = """
    def secret(n: int) -> int:
        key = 40
        total = key + n
        if n >= 2:
            breakpoint()
        return total

    def main() -> None:
        print("got", gosecure(secret, 2).result())
        print("got", gosecure(secret, 3).result())
"""


def gotee(folder: Path, *words: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gotee", *words]
    kept = environment_of_a_user(GOTEE_TEE="", **more)
    return subprocess.run(command, cwd=folder, env=kept, input=typed, capture_output=True, text=True, timeout=120)


def test_pdb_stops_at_the_first_secured_line_and_at_breakpoints(tmp_path: Path) -> None:
    write_program(tmp_path, SOURCE)
    done = gotee(tmp_path, "debug", "main.py", typed="n\np key\nb secret, n > 9\nc\np n, total\nc\np n, total\nc\n")
    assert done.returncode == 0, done.stderr
    said = done.stdout.split("(Pdb inside) ")
    assert "-> key = 40" in said[0]
    assert "-> total = key + n" in said[1]
    assert said[2] == "40\n"
    assert said[3].startswith("Breakpoint 1 at ")
    assert ")secret()" in said[4]  # at the line of breakpoint(), or at the next one before 3.13
    assert said[5] == "(2, 42)\n"
    assert said[6].startswith("got 42\n")
    assert said[7] == "(3, 43)\n"
    assert said[8] == "got 43\n"


def test_no_other_image_has_a_debugger_in_it(tmp_path: Path) -> None:
    write_program(tmp_path, SOURCE)
    assert gotee(tmp_path, "build", "main.py").returncode == 0
    assert "pdb" not in gotee(tmp_path, "inspect", "main.sgxs", "--json").stdout
    refused = gotee(tmp_path, "debug", "main.py", GOTEE_IMAGE=str(tmp_path / "main.sgxs"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "an image of its own" in refused.stderr
