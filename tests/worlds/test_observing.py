"""`gotee run --stats` and `--trace`: what crossed, by line of the program, and both worlds on one time line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .program import environment_of_a_user, write_program

SOURCE = """
    def work(numbers: Chan[int], count: int) -> int:
        print("begun")
        total = 0
        for _ in range(count):
            total += numbers.recv()
        with open("out.txt", "w") as file:
            file.write("x" * 1000)
        os.stat("out.txt")  # while the file is being closed
        return total

    def main() -> None:
        numbers = Chan[int]()
        routine = gosecure(work, numbers, 3)
        for number in range(3):
            numbers.send(number)
        print(routine.result())
"""


def gotee(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gotee", *words]
    return subprocess.run(
        command, cwd=folder, env=environment_of_a_user(GOTEE_TEE=""), capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_program(tmp_path, SOURCE)
    (tmp_path / "pyproject.toml").write_text('[tool.gotee.ocalls]\nfiles = ["out.txt:w"]\n')
    return tmp_path


def row(table: str, *words: str) -> list[str]:
    """The columns of the one line that has these words."""
    (found,) = [line for line in table.splitlines() if all(word in line.split() for word in words)]
    return found.split()


def line_with(folder: Path, text: str) -> str:
    lines = (folder / "main.py").read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if text in line]
    return f"main.py:{number}"


def test_statistics_name_calls_messages_and_lines(folder: Path) -> None:
    done = gotee(folder, "run", "--stats", "main.py")
    assert (done.returncode, done.stdout) == (0, "begun\n3\n")
    table = done.stderr.partition("gotee: what crossed the boundary")[2]
    assert row(table, "main.work")[1] == "1"
    assert "3 grant" in table
    assert "3 want" in table
    assert row(table, "recv", line_with(folder, "numbers.recv()"))[2] == "3"
    assert row(table, "print", line_with(folder, 'print("begun")'))[2:5] == ["1", "6", "B"]
    written = row(table, "write", line_with(folder, "with open("))
    assert written[2] == "1"
    assert written[-1] == "ms"


def test_nothing_is_said_without_being_asked(folder: Path) -> None:
    assert "crossed" not in gotee(folder, "run", "main.py").stderr


KNOWN = {
    "M": {"name", "ph", "pid", "tid", "ts", "args"},
    "X": {"name", "cat", "ph", "pid", "tid", "ts", "dur", "args"},
    "b": {"name", "cat", "ph", "pid", "tid", "ts", "id"},
    "e": {"name", "cat", "ph", "pid", "tid", "ts", "id"},
    "i": {"name", "cat", "ph", "pid", "tid", "ts", "s", "args"},
}


def check_events(trace: dict[str, Any]) -> list[dict[str, Any]]:
    """The form of Chrome's trace events: fields by phase, numbers that are none below 0, ends for all begins."""
    assert set(trace) == {"traceEvents", "displayTimeUnit", "otherData"}
    events: list[dict[str, Any]] = trace["traceEvents"]
    begun: set[tuple[str, str]] = set()
    named = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    inner: dict[tuple[int, int], list[float]] = {}
    for event in events:
        assert set(event) - ({"args"} if event["ph"] == "b" else set()) == KNOWN[event["ph"]]
        assert isinstance(event["name"], str)
        assert type(event["pid"]) is type(event["tid"]) is int
        assert event["ts"] >= 0
        assert event.get("dur", 0) >= 0
        assert event["ph"] == "M" or (event["pid"], event["tid"]) in named
        if event["ph"] == "X":  # of one routine: within each other, or apart
            ends = inner.setdefault((event["pid"], event["tid"]), [])
            while ends and ends[-1] <= event["ts"]:
                ends.pop()
            ends.append(event["ts"] + event["dur"])
            assert ends == sorted(ends, reverse=True)
        if event["ph"] == "b":
            assert (event["cat"], event["id"]) not in begun
            begun.add((event["cat"], event["id"]))
        elif event["ph"] == "e":
            begun.remove((event["cat"], event["id"]))
    assert begun == set()
    times = [event["ts"] for event in events if event["ph"] != "M"]
    assert times == sorted(times)
    return events


def test_a_trace_has_both_worlds_on_one_time_line(folder: Path) -> None:
    done = gotee(folder, "run", "--trace", "trace.json", "main.py")
    assert (done.returncode, done.stdout) == (0, "begun\n3\n")
    events = check_events(json.loads((folder / "trace.json").read_text()))
    outside, inside = (
        {event["ph"]: event["ts"] for event in events if event["name"] == "main.work" and event["pid"] == pid}
        for pid in (1, 2)
    )
    assert outside["b"] <= inside["b"] <= inside["e"] <= outside["e"]
    received = [event for event in events if event["name"] == "recv" and event["ph"] == "X"]
    assert [event["args"]["line"] for event in received] == [line_with(folder, "numbers.recv()")] * 3
    assert all(inside["b"] <= event["ts"] <= inside["e"] for event in received)
    assert {event["ph"] for event in events if event["name"] == "close" and event["pid"] == 2} == {"b", "e"}


def test_an_image_for_release_tells_kinds_and_no_lines(folder: Path) -> None:
    policy = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text('[tool.gotee]\nsigner = "rel.pem"\n' + policy)
    for words in (["keys", "new", "-o", "rel.pem"], ["build", "main.py"]):
        assert gotee(folder, *words).returncode == 0
    done = gotee(folder, "run", "--stats", "--trace", "trace.json", "--image", "main.sgxs", "main.py")
    assert done.returncode == 0, done.stderr
    assert "main.py:" not in done.stderr
    assert "an image for release does not say from which lines" in done.stderr
    assert row(done.stderr.partition("asked from inside")[2], "write")[1] == "1"
    events = check_events(json.loads((folder / "trace.json").read_text()))
    assert {event["pid"] for event in events if event["ph"] != "M"} == {1}


def test_wrong_wishes_are_refused_before_the_program_runs(folder: Path) -> None:
    inline = gotee(folder, "run", "--tee", "inline", "--stats", "main.py")
    assert (inline.returncode, inline.stdout) == (2, "")
    assert "inline has none" in inline.stderr
    nowhere = gotee(folder, "run", "--trace", "no/such/folder/trace.json", "main.py")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "there is no folder no/such/folder; make it first" in nowhere.stderr
