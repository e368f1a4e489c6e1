"""Files inside: what the policy allows works as everywhere, the rest is refused with the line that would allow it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import lines_of, run, write_program


def policy(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.gotee.ocalls]\n{text}\n")


REFUSED = {
    "reading": ("open('x.txt')", 'files = ["data/*.csv:r", "x.txt:r"]'),
    "writing": ("open('data/x.csv', 'w')", 'files = ["data/*.csv:r", "data/x.csv:w"]'),
    "both": ("open('y', 'r+')", 'files = ["data/*.csv:r", "y:rw"]'),
    "an absolute path": ("open('/etc/passwd')", 'files = ["data/*.csv:r", "/etc/passwd:r"]'),
    "climbing": ("open('data/../../x')", 'files = ["data/*.csv:r", "/x:r"]'),
    "removing": ("os.remove('data/x.csv')", 'files = ["data/*.csv:r", "data/x.csv:w"]'),
    "renaming": ("os.rename('data/x.csv', 'b')", 'files = ["data/*.csv:r", "data/x.csv:w"]'),
    "a folder": ("os.mkdir('out')", 'files = ["data/*.csv:r", "out:w"]'),
    "listing": ("os.listdir('/etc')", 'files = ["data/*.csv:r", "/etc:r"]'),
    "looking": ("os.stat('secret')", 'files = ["data/*.csv:r", "secret:r"]'),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_policy_does_not_list_is_refused_with_the_line_to_add(tmp_path: Path, what: str) -> None:
    policy(tmp_path, 'files = ["data/*.csv:r"]')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("1")
    call, line = REFUSED[what]
    source = f"""
        from gotee.errors import OcallRefused

        def attempt() -> str:
            try:
                {call}
            except OcallRefused as error:
                assert isinstance(error, PermissionError) and str(error).endswith(
                    f"put {{error.line}} into [tool.gotee.ocalls]")
                return error.line
            return "done"

        def main() -> None:
            print(gosecure(attempt).result())
        """
    assert lines_of(tmp_path, source) == [line]
    assert (tmp_path / "data" / "x.csv").read_text() == "1"


def test_the_line_that_a_refusal_names_allows_what_was_refused(tmp_path: Path) -> None:
    source = """
        from gotee.errors import OcallRefused

        def attempt() -> str:
            try:
                with open("out/x.json", "w") as file:
                    file.write("{}")
            except OcallRefused as error:
                return error.line
            return "done"

        def main() -> None:
            print(gosecure(attempt).result())
        """
    (tmp_path / "out").mkdir()
    (line,) = lines_of(tmp_path, source)
    policy(tmp_path, line)
    assert lines_of(tmp_path, source) == ["done"]
    assert (tmp_path / "out" / "x.json").read_text() == "{}"


def test_a_file_is_written_and_read_in_every_way(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["work/**:rw"]')
    lines = lines_of(
        tmp_path,
        """
        import io, json, csv, gzip, zipfile, shutil, glob
        from pathlib import Path

        def work() -> list[str]:
            said = []
            os.makedirs("work/a/b")
            Path("work/a/t.txt").write_text("eins\\nzwei\\n", encoding="utf-8")
            with open("work/a/t.txt", "a") as file:
                file.write("drei")
            with open("work/a/t.txt") as file:
                said.append(str(list(file)))
            try:
                open("work/a/t.txt", "x")
            except FileExistsError as error:
                said.append(f"{error.filename} exists")
            with open("work/bin", "w+b", buffering=0) as raw:
                raw.write(b"0123456789")
                raw.seek(-3, 2)
                said.append(str((raw.read(), raw.tell(), raw.truncate(5), raw.seek(0), raw.readall())))
            with open("work/bin", "r+b") as both:
                both.seek(2)
                both.write(b"xy")
                said.append(str((both.read(), both.seek(0), both.read(3))))
            with open("work/crlf", "w", newline="\\r\\n", encoding="utf-16") as file:
                file.write("ä\\nb\\n")
            with open("work/crlf", newline="", encoding="utf-16") as file:
                said.append(repr(file.read()))
            descriptor = os.open("work/raw", os.O_RDWR | os.O_CREAT, 0o600)
            os.write(descriptor, b"hello world")
            os.lseek(descriptor, 6, os.SEEK_SET)
            said.append(str((os.read(descriptor, 100), os.pread(descriptor, 5, 0), os.pwrite(descriptor, b"J", 0))))
            os.fsync(descriptor)
            said.append(str((os.fstat(descriptor).st_size, oct(os.stat("work/raw").st_mode & 0o777))))
            os.close(descriptor)
            with gzip.open("work/z.gz", "wt") as packed:
                json.dump({"a": [1, 2]}, packed)
            with gzip.open("work/z.gz", "rt") as packed:
                said.append(str(json.load(packed)))
            with zipfile.ZipFile("work/z.zip", "w") as archive:
                archive.writestr("in/side", "x" * 1000)
            said.append(str(zipfile.ZipFile("work/z.zip").namelist()))
            with open("work/c.csv", "w", newline="") as file:
                csv.writer(file).writerows([[1, "a,b"], [2, "c"]])
            with open("work/c.csv", newline="") as file:
                said.append(str(list(csv.reader(file))))
            shutil.copyfile("work/raw", "work/copy")
            shutil.copytree("work/a", "work/tree")
            os.replace("work/copy", "work/moved")
            said.append(str(sorted(glob.glob("work/**", recursive=True))))
            said.append(str([(folder, sorted(inner), sorted(files)) for folder, inner, files in os.walk("work/tree")]))
            with os.scandir("work") as entries:
                said.append(str(sorted((entry.name, entry.is_dir(), entry.is_file()) for entry in entries)[:3]))
            os.utime("work/raw", (1, 2))
            said.append(str(os.stat("work/raw").st_mtime_ns))
            shutil.rmtree("work/tree")
            os.rmdir("work/a/b")
            said.append(str((os.path.exists("work/tree"), Path("work/raw").read_text(), os.path.getsize("work/bin"))))
            os.chdir("work")
            said.append(str((os.getcwd(), open("raw").read(), os.path.abspath("raw"))))
            return said

        def main() -> None:
            print(*gosecure(work).result(), sep="\\n")
        """,
    )
    assert lines == [
        "['eins\\n', 'zwei\\n', 'drei']",
        "work/a/t.txt exists",
        "(b'789', 10, 5, 0, b'01234')",
        "(b'4', 0, b'01x')",
        "'ä\\r\\nb\\r\\n'",
        "(b'world', b'hello', 1)",
        "(11, '0o600')",
        "{'a': [1, 2]}",
        "['in/side']",
        "[['1', 'a,b'], ['2', 'c']]",
        "['work/', 'work/a', 'work/a/b', 'work/a/t.txt', 'work/bin', 'work/c.csv', 'work/crlf', 'work/moved', "
        "'work/raw', 'work/tree', 'work/tree/b', 'work/tree/t.txt', 'work/z.gz', 'work/z.zip']",
        "[('work/tree', ['b'], ['t.txt']), ('work/tree/b', [], [])]",
        "[('a', True, False), ('bin', False, True), ('c.csv', False, True)]",
        "2000000000",
        "(False, 'Jello world', 5)",
        "('/program/work', 'Jello world', '/program/work/raw')",
    ]


def test_standard_input_is_shared_line_by_line_with_the_program_outside(tmp_path: Path) -> None:
    source = """
        import subprocess

        def lines(count: int) -> list[str]:
            return [input("? ") for _ in range(count)]

        def rest() -> str:
            return sys.stdin.read()

        def main() -> None:
            if sys.argv[1:]:
                print(input(), gosecure(lines, 2).result(), input(), repr(gosecure(rest).result()))
            else:
                given = "".join(f"{n}\\n" for n in range(6)) + "end"
                done = subprocess.run([sys.executable, __file__, "x"], input=given, text=True, stdout=subprocess.PIPE)
                print(done.stdout)
        """
    ended = run(write_program(tmp_path, source))
    assert ended.output == "? ? 0 ['1', '2'] 3 '4\\n5\\nend'\n\n"


def test_contents_of_all_sizes_arrive_as_they_do_outside(tmp_path: Path) -> None:
    """Past a buffer, through it, through shared blocks that fill up or not, with and without a place in the file."""
    policy(tmp_path, 'files = ["*:rw"]')
    source = """
        import hashlib, random

        def play(path: str) -> list[str]:
            chance, said = random.Random(7), []
            sizes = (1, 5, 9_000, 70_000, 100, 300_000, 1_200_000, 8_192, 3)
            for mode in ("wb", "ab", "r+b", "ab"):
                with open(path, mode) as file:
                    for size in chance.choices(sizes, k=6):
                        file.write(chance.randbytes(size))
                        if size == 70_000:
                            said.append((file.tell(), os.path.getsize(path) <= file.tell()))
                        if size == 5 and mode != "ab":
                            file.seek(file.tell() // 2)
                said.append((mode, os.path.getsize(path)))
            for size in (20_000, 65_536, 3_000_000):
                digest, buffer = hashlib.sha256(), bytearray(size)
                with open(path, "rb") as file, open(path, "rb", buffering=0) as raw:
                    while line := file.readline(size):
                        got = file.readinto(buffer)
                        digest.update(line + buffer[:got] + file.read(size) + raw.read(size))
                said.append(digest.hexdigest())
            return [str(each) for each in said]

        def main() -> None:
            outside, inside = play("outside"), gosecure(play, "inside").result()
            print(*(f"{a} {b}" for a, b in zip(outside, inside, strict=True) if a != b), "end")
        """
    assert lines_of(tmp_path, source) == ["end"]
