"""What the host learns of a failure inside: marked classes with their fields, all others as the image's kind says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .program import environment_of_a_user, lines_of, run, write_program

MARKED = """
    @public_error
    class Refused(Exception):
        def __init__(self, limit: int, *, who: str = "nobody") -> None:
            super().__init__(f"at most {limit} for {who}")
            self.limit = limit
            self.who = who

    @public_error
    @dataclass
    class Missing(LookupError):
        name: str
        seen: tuple[int, ...] = ()

    @public_error
    class Plain(KeyError):
        pass

"""


def test_a_marked_error_is_caught_by_its_class_with_its_fields(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        MARKED
        + """
    def fail(n: int) -> None:
        raise [Refused(7, who="me"), Missing("a", (1, 2)), Plain("no", 3)][n]

    def main() -> None:
        try:
            gosecure(fail, 0).result()
        except Refused as error:
            print(error, error.limit, error.who, type(error.__cause__).__name__)
        try:
            gosecure(fail, 1).result()
        except Missing as error:
            print(error.name, error.seen)
        try:
            gosecure(fail, 2).result()
        except Plain as error:
            print(error.args)
    """,
    ) == ["at most 7 for me 7 me SecuredRoutineError", "a (1, 2)", "('no', 3)"]


def test_a_marked_error_whose_field_lies_crosses_as_any_other(tmp_path: Path) -> None:
    (line,) = lines_of(
        tmp_path,
        MARKED
        + """
    def fail() -> None:
        error = Refused(1)
        error.limit = "many"
        raise error

    def main() -> None:
        try:
            gosecure(fail).result()
        except SecuredRoutineError as error:
            print(error.remote_type, error)
    """,
    )
    assert line.startswith("Refused Refused: ")
    assert "Expected int, got str - at Refused.limit" in line


def test_an_image_for_debugging_tells_where_inside_it_was(tmp_path: Path) -> None:
    main = write_program(
        tmp_path,
        """
    def divide(numbers: list[int]) -> None:
        try:
            numbers[0] / 0
        except ZeroDivisionError as error:
            raise LookupError("a \\udc80 name") from error

    def main() -> None:
        try:
            gosecure(divide, [1]).result()
        except SecuredRoutineError as error:
            print(ascii(error.remote_message), ascii(str(error)), flush=True)
        gosecure(divide, [1]).result()
    """,
    )
    ended = run(main)
    name = "'a \\\\udc80 name'", "'LookupError: a \\\\udc80 name'"
    assert (ended.status, ended.lines) == (1, [" ".join(name)])
    seen = ended.errors[ended.errors.index("gotee.errors.SecuredRoutineError") :].splitlines()
    first = next(n for n, line in enumerate(main.read_text().splitlines(), 1) if "numbers[0] / 0" in line)
    assert seen[1:] == [
        "inside, most recent call last:",
        f'  File "/program/{main.name}", line {first + 2}, in divide',
        '    raise LookupError("a \\udc80 name") from error',
        "after ZeroDivisionError: division by zero",
        f'  File "/program/{main.name}", line {first}, in divide',
        "    numbers[0] / 0",
    ]


def test_a_subclass_that_is_not_marked_is_not_cut_to_its_base(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        MARKED
        + """
    class Deeper(Refused):
        pass

    def fail() -> None:
        raise Deeper(1)

    def main() -> None:
        try:
            gosecure(fail).result()
        except SecuredRoutineError as error:
            print(error.remote_type)
    """,
    ) == ["Deeper"]


def test_a_marked_class_of_another_module_is_found_by_both_worlds(tmp_path: Path) -> None:
    files = {
        "wrong.py": """
        from gotee import public_error

        @public_error
        class Wrong(Exception):
            def __init__(self, at: list[int]) -> None:
                self.at = at
        """
    }
    assert lines_of(
        tmp_path,
        """
        import wrong

        def fail() -> None:
            raise wrong.Wrong([1, 2])

        def main() -> None:
            try:
                gosecure(fail).result()
            except wrong.Wrong as error:
                print(error.at)
        """,
        files,
    ) == ["[1, 2]"]


SECRETIVE = """
    import gc

    def fail(n: int) -> int:
        if n == 0:
            raise ValueError("the secret is 42")
        if n == 1:
            return {"the secret is 42": "x"}
        if n == 2:
            raise SystemExit("the secret is 42")
        go(int, "the secret is 42")
        sleep(0.01)
        gc.collect()
        return 0

    def main() -> None:
        for n in range(4):
            try:
                print(gosecure(fail, n).result())
            except SecuredRoutineError as error:
                print(error.remote_type, error.remote_message)
                print(error)
"""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The image of SECRETIVE, signed for release, beside it; the error key is err.pem."""
    file = write_program(tmp_path, SECRETIVE)
    (tmp_path / "pyproject.toml").write_text('[tool.gotee]\nsigner = "rel.pem"\nerror-key = "err.pub.pem"\n')
    for words in (["keys", "new", "-o", "rel.pem"], ["keys", "new", "--errors", "-o", "err.pem"], ["build", file.name]):
        assert gotee(tmp_path, *words).returncode == 0
    return tmp_path / "main.sgxs"


def gotee(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gotee", *words]
    kept = environment_of_a_user(XDG_STATE_HOME=str(folder / "state"))
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=120)


def test_an_image_for_release_tells_an_id_and_the_developer_reads_the_rest(tmp_path: Path, release: Path) -> None:
    ended = run(tmp_path / "main.py", GOTEE_IMAGE=str(release), XDG_STATE_HOME=str(tmp_path / "state"))
    assert "secret" not in ended.output + ended.errors
    ids = [line.removeprefix("hidden ") for line in ended.lines if line.startswith("hidden ")]
    assert len(set(ids)) == 3
    assert ended.lines[-1] == "0"
    assert "something failed inside: error " in ended.errors
    kept = sorted(os.listdir(tmp_path / "state" / "gotee" / "failures"))
    assert set(ids) < set(kept)
    assert len(kept) == 4
    assert len({os.path.getsize(tmp_path / "state" / "gotee" / "failures" / name) for name in kept}) == 1
    told = gotee(tmp_path, "explain", ids[0], "--key", "err.pem")
    assert told.returncode == 0, told.stderr
    assert "ValueError: the secret is 42" in told.stdout
    assert 'raise ValueError("the secret is 42")' in told.stdout  # with the program's own lines
    assert f"error {ids[0]} in fail" in told.stdout


def test_only_the_error_key_reads_details(tmp_path: Path, release: Path) -> None:
    run(tmp_path / "main.py", GOTEE_IMAGE=str(release), XDG_STATE_HOME=str(tmp_path / "state"))
    name = os.listdir(tmp_path / "state" / "gotee" / "failures")[0]
    assert gotee(tmp_path, "keys", "new", "--errors", "-o", "other.pem").returncode == 0
    wrong = gotee(tmp_path, "explain", name, "--key", "other.pem")
    assert wrong.returncode != 0
    assert "another key" in wrong.stderr
    signer = gotee(tmp_path, "explain", name, "--key", "rel.pem")
    assert "gotee keys new --errors" in signer.stderr
    damaged = bytearray((tmp_path / "state" / "gotee" / "failures" / name).read_bytes())
    damaged[-100] ^= 1
    (tmp_path / "copy").write_bytes(damaged)
    assert "damaged" in gotee(tmp_path, "explain", "./copy", "--key", "err.pem").stderr


def test_an_import_that_fails_in_a_release_image_is_hidden_too(tmp_path: Path) -> None:
    file = write_program(
        tmp_path,
        """
        SIZES = {"the secret is 42": 1}
        from gotee.runtime import worlds
        if worlds.inside():
            raise ValueError("the secret is 42")

        def f() -> int:
            return len(SIZES)

        def main() -> None:
            try:
                gosecure(f).result()
            except EnclaveLost as error:
                print(error)
        """,
    )
    (tmp_path / "pyproject.toml").write_text('[tool.gotee]\nsigner = "rel.pem"\n')
    for words in (["keys", "new", "-o", "rel.pem"], ["build", file.name]):
        done = gotee(tmp_path, *words)
        assert done.returncode == 0, done.stderr
    ended = run(file, GOTEE_IMAGE=str(tmp_path / "main.sgxs"))
    assert "secret" not in ended.output + ended.errors
    assert "the enclave could not start: error " in ended.output
    assert "names no error-key" in ended.output
