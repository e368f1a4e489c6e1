"""Environment, time, temporary files, and what an enclave does not have: ordinary Python inside, by the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import lines_of, run, write_program
from .test_files import policy


def outcome(folder: Path, expression: str, imports: str = "sys") -> str:
    """What an expression gives inside, or the error that it raises."""
    (line,) = lines_of(
        folder,
        f"""
        import {imports}

        def attempt() -> str:
            try:
                return repr(({expression}))
            except Exception as error:
                return f"{{type(error).__name__}}: {{error}}"

        def main() -> None:
            os.environ["GIVEN"] = "välue"
            print(gosecure(attempt).result())
        """,
    )
    return line


@pytest.mark.parametrize(
    "expression", ["os.environ['GIVEN']", "os.environ.get('GIVEN', 'x')", "os.getenv('GIVEN')", "'GIVEN' in os.environ"]
)
def test_a_variable_is_refused_with_its_line_until_the_policy_names_it(tmp_path: Path, expression: str) -> None:
    assert outcome(tmp_path, expression).endswith('put env = ["GIVEN"] into [tool.gotee.ocalls]')
    policy(tmp_path, 'env = ["GIVEN", "ABSENT"]')
    assert outcome(tmp_path, expression) == ("True" if "in os" in expression else "'välue'")
    assert outcome(tmp_path, "os.getenv('ABSENT', 'x'), dict(os.environ)") == "('x', {'GIVEN': 'välue'})"


@pytest.mark.parametrize(
    "expression",
    [
        *("time.time()", "time.time_ns() / 1e9", "time.mktime(time.localtime())", "calendar.timegm(time.gmtime())"),
        *("datetime.datetime.now().timestamp()", "datetime.datetime.now(datetime.timezone.utc).timestamp()"),
        *("time.clock_gettime(time.CLOCK_REALTIME)", "time.mktime(time.strptime(time.ctime()))"),
        "datetime.datetime.combine(datetime.date.today(), datetime.time()).timestamp() + 86400",
    ],
)
def test_the_time_of_day_is_refused_with_its_line_until_the_policy_allows_it(tmp_path: Path, expression: str) -> None:
    imports = "calendar, datetime"
    assert outcome(tmp_path, expression, imports).endswith("put time = true into [tool.gotee.ocalls]")
    policy(tmp_path, "time = true")
    import time

    before = time.time()
    told = float(outcome(tmp_path, expression, imports))
    assert before - 2 < told < time.time() + 86_400 * 1.1


def test_what_has_no_time_of_day_needs_no_policy(tmp_path: Path) -> None:
    assert (
        outcome(
            tmp_path,
            "time.monotonic() > 0, time.perf_counter_ns() > 0, time.process_time() > 0, time.gmtime(0).tm_year, "
            "datetime.datetime.fromtimestamp(0, datetime.timezone.utc).year, random.random() < 1, "
            "len(secrets.token_bytes(9)), len(os.urandom(7)), uuid.uuid4().version, type(datetime.datetime.now)",
            "datetime, random, secrets, uuid",
        )
        == "(True, True, True, 1970, 1970, True, 9, 7, 4, <class 'method'>)"
    )


def test_libraries_look_at_clock_and_environment_without_being_refused(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import io, logging, zipfile, tempfile

        def work() -> list[object]:
            logging.basicConfig(stream=sys.stdout, format="%(asctime)s %(message)s", datefmt="%Y")
            logging.warning("seen")
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w") as file:
                file.writestr("a", "b")
            return [zipfile.ZipFile(archive).namelist(), tempfile.gettempdir()]

        def main() -> None:
            print(*gosecure(work).result())
        """,
    ) == ["1980 seen", "['a'] /memory"]


def test_temporary_files_are_in_memory_and_the_host_sees_none(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import tempfile, shutil
        from pathlib import Path

        def work() -> list[object]:
            said: list[object] = []
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "a" / "b").mkdir(parents=True)
                (Path(folder) / "a" / "x.txt").write_text("one\\ntwo")
                shutil.copytree(Path(folder) / "a", Path(folder) / "c")
                os.replace(Path(folder) / "c" / "x.txt", Path(folder) / "y")
                said.append(sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*")))
                said.append((Path(folder) / "y").read_text().splitlines())
                said.append(os.path.isdir(folder))
            said.append(os.path.exists(folder))
            with tempfile.NamedTemporaryFile("w+") as file:
                file.write("hi")
                file.seek(0)
                said.append((file.read(), os.stat(file.name).st_size, oct(os.stat(file.name).st_mode)))
            with tempfile.SpooledTemporaryFile(4) as spooled:
                spooled.write(b"more than four")
                spooled.seek(5)
                said.append(spooled.read())
            with tempfile.TemporaryFile() as file:
                file.write(b"x" * 100_000)
                file.truncate(7)
                file.seek(0)
                said.append(file.read())
            said.append(os.listdir("/memory"))
            return said

        def main() -> None:
            before = set(os.listdir("/tmp"))
            for line in gosecure(work).result():
                print(line)
        """,
    ) == [
        "['a', 'a/b', 'a/x.txt', 'c', 'c/b', 'y']",
        "['one', 'two']",
        "True",
        "False",
        "('hi', 2, '0o100600')",
        "b'than four'",
        "b'xxxxxxx'",
        "[]",
    ]


def test_the_images_own_files_are_files_that_do_not_change(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.gotee]\ninclude = ["data/in.txt"]\n[tool.gotee.ocalls]\nfiles = ["data/**:rw"]\n'
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "in.txt").write_text("measured")
    (tmp_path / "data" / "out.txt").write_text("host")
    assert lines_of(
        tmp_path,
        """
        from pathlib import Path

        HERE = Path(__file__).parent

        def work() -> list[object]:
            said: list[object] = [(HERE / "data" / "in.txt").read_text(), open("data/out.txt").read()]
            said.append(sorted(os.listdir("data")))
            for attempt in (lambda: open("data/in.txt", "w"), lambda: os.remove("data/in.txt"),
                            lambda: os.rename("data/out.txt", "data/in.txt")):
                try:
                    attempt()
                except OSError as error:
                    said.append(error.strerror)
            said.append(open(__file__).readline().split()[0])
            return said

        def main() -> None:
            gosecure(work).result()
            Path("data/in.txt").write_text("changed")
            for line in gosecure(work).result():
                print(line)
        """,
    ) == [
        "measured",
        "host",
        "['in.txt', 'out.txt']",
        *["it is part of the image, which does not change"] * 3,
        "import",
    ]


MISSING = {
    "os.fork()": "one process",
    "os.execv('/bin/true', ['true'])": "one process",
    "os.system('true')": "one process",
    "subprocess.run(['true'])": "run 'true' outside",
    "subprocess.check_output('true', shell=True)": "run 'true' outside",
    "os.popen('true')": "outside",
    "multiprocessing.Process(target=print).start()": "go()",
    "multiprocessing.Lock()": "threading or channels",
    "os.symlink('a', 'b')": "links",
    "os.link('a', 'b')": "links",
    "os.pipe()": "channels",
    "os.open('a', 0, dir_fd=3)": "leave dir_fd out",
    "ctypes.CDLL('libnothing.so')": "not part of the image",
    "sqlite3.connect('x.db')": "serialize",
    "mmap.mmap(sys.stdout and 0, 10)": "mapped",
    "fcntl.flock(0, fcntl.LOCK_EX)": "flock",
    "concurrent.futures.ProcessPoolExecutor(1)": "ThreadPoolExecutor",
    "getpass.getuser()": 'env = ["USER"]',
    "Path('/dev/null').owner()": "accounts",
    "os.statvfs('.')": "ask it outside",
    "select.select([sys.stdin], [], [], 0)": "standard input cannot be watched",
    "setattr(ssl.create_default_context(), 'keylog_filename', 'keys')": "leave keylog_filename out",
}
REFUSED = {  # where Python's own function takes every OSError for "not there"
    "os.path.exists('x')": 'files = ["x:r"]',
    "os.path.isdir('x')": 'files = ["x:r"]',
    "list(os.walk('x'))": 'files = ["x:r"]',
    "glob.glob('x/*.csv')": 'files = ["x:r"]',
    "list(Path('x').rglob('*'))": 'files = ["x:r"]',
    "Path.home()": 'env = ["HOME"]',
    "os.path.expanduser('~/x')": 'env = ["HOME"]',
    "os.path.expandvars('$HOME/x')": 'env = ["HOME"]',
    "os.environb[b'HOME']": 'env = ["HOME"]',
}
ABSENT = {
    "select.epoll()": "AttributeError: inside, module 'select' has no attribute 'epoll': use select.poll",
    "locale.setlocale(locale.LC_ALL, 'xx_XX.UTF-8')": "Error: the locale 'xx_XX.UTF-8' is not part of the image",
    "zoneinfo.ZoneInfo('Europe/Nowhere')": '/usr/share/zoneinfo/**:r"] into [tool.gotee.ocalls]',
}


def test_what_an_enclave_does_not_have_is_refused_with_a_sentence(tmp_path: Path) -> None:
    tried = [*MISSING, *REFUSED, *ABSENT]
    attempts = ", ".join(f"lambda: {attempt}" for attempt in tried)
    lines = lines_of(
        tmp_path,
        f"""
        import concurrent.futures, ctypes, fcntl, getpass, glob, locale, mmap, multiprocessing, select, sqlite3, ssl
        import subprocess, zoneinfo
        from pathlib import Path

        def work() -> list[str]:
            said = []
            for attempt in ({attempts}):
                try:
                    said.append(repr(attempt()))
                except OSError as error:
                    said.append(f"{{type(error).__name__}} {{error.errno}}: {{error.strerror}}")
                except Exception as error:
                    said.append(f"{{type(error).__name__}}: {{error}}")
            return said

        def main() -> None:
            print(*gosecure(work).result(), sep="\\n")
        """,
    )
    for attempt, line in zip(tried, lines, strict=True):
        if attempt in MISSING:
            assert line.startswith(("NotInside 1: ", "NoAccount 1: ")), (attempt, line)
            assert MISSING[attempt] in line, (attempt, line)
        elif attempt in REFUSED:
            assert line.startswith("OcallRefused 13: "), (attempt, line)
            assert line.endswith(f"put {REFUSED[attempt]} into [tool.gotee.ocalls]"), (attempt, line)
        else:
            assert ABSENT[attempt] in line, (attempt, line)


def test_waiting_for_descriptors_is_imported_before_sockets(tmp_path: Path) -> None:
    assert outcome(tmp_path, "select.poll().poll(0)", "select") == "[]"


def test_sqlite_works_in_memory_and_ctypes_with_what_is_loaded(tmp_path: Path) -> None:
    assert (
        outcome(
            tmp_path,
            "sqlite3.connect(':memory:').execute('select 1 + 1').fetchall(), "
            "sqlite3.connect('file::memory:', uri=True).execute('select 3').fetchone(), "
            "ctypes.CDLL(None).getpid() == os.getpid(), ctypes.CDLL('libc.so.6').getpid() == os.getpid(), "
            "len(mmap.mmap(-1, 10))",
            "ctypes, mmap, sqlite3",
        )
        == "([(2,)], (3,), True, True, 10)"
    )


def test_logging_from_many_routines_mixes_no_lines_and_does_not_hang(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["log.txt:rw"]\ntime = true')
    source = """
        import logging

        def work(number: int, done: Chan[int]) -> None:
            for n in range(50):
                logging.info("routine %d says %d %s", number, n, "x" * (number % 300))
                if n % 7 == 0:
                    yield_now()
            done.send(1)

        def start(count: int) -> int:
            file, shown = logging.FileHandler("log.txt"), logging.StreamHandler(sys.stdout)
            logging.basicConfig(level=logging.INFO, format="%(message)s|", handlers=[file, shown])
            done = Chan[int]()
            for number in range(count):
                go(work, number, done)
            return sum(done.recv() for _ in range(count))

        def main() -> None:
            assert gosecure(start, 100).result() == 100
        """
    ended = run(write_program(tmp_path, source))
    assert (ended.status, ended.errors) == (0, "")
    expected = sorted(f"routine {r} says {n} {'x' * (r % 300)}|" for r in range(100) for n in range(50))
    assert sorted(ended.lines) == expected
    assert sorted((tmp_path / "log.txt").read_text().splitlines()) == expected


def test_bytes_and_devices_are_written_as_everywhere(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def work() -> None:
            sys.stdout.buffer.write("bytes ü\\n".encode())
            os.write(1, b"descriptor\\n")
            sys.stdout.reconfigure(line_buffering=True)
            with open(os.devnull, "w") as nowhere:
                print("not seen", file=nowhere)
            with open("/dev/urandom", "rb") as chance:
                assert len(set(chance.read(32))) > 8
            assert os.path.exists(os.devnull) and os.listdir("/")
            print("end", sys.stdout.name, sys.stdout.fileno(), sys.stdin.mode, sys.stdin.isatty(), flush=True)

        def main() -> None:
            gosecure(work).result()
        """,
    ) == ["bytes ü", "descriptor", "end <stdout> 1 r False"]


def test_packages_look_for_variables_and_use_files(tmp_path: Path) -> None:
    policy(tmp_path, 'files = ["a.txt:rw"]')
    assert lines_of(
        tmp_path,
        """
        import numpy
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        def work() -> float:
            key = Ed25519PrivateKey.generate()
            key.public_key().verify(key.sign(b"x"), b"x")
            numpy.savetxt("a.txt", numpy.arange(1000.0))
            return float(numpy.loadtxt("a.txt").sum())

        def main() -> None:
            print(gosecure(work).result())
        """,
    ) == ["499500.0"]


def test_what_imports_set_for_decimals_holds_in_every_secured_routine_and_goes_no_further(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import decimal

        decimal.getcontext().prec = 5
        decimal.getcontext().rounding = decimal.ROUND_UP
        decimal.getcontext().traps[decimal.Inexact] = False

        def third(precision: int | None) -> str:
            if precision:
                decimal.getcontext().prec = precision
            return str(decimal.Decimal(1) / 3)

        def main() -> None:
            print(third(None), *[gosecure(third, precision).result() for precision in (None, 2, None)])
        """,
    ) == ["0.33334 0.33334 0.34 0.33334"]
