"""Which modules of the standard library are inside: enough for each of them to be imported, and no chain of tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gotee
from gotee.compiled import FILES, HOST, INSIDE, LIBRARIES, TRUSTED, place_of
from gotee.image import standard
from gotee.image.build import Built

ONLY_THESE = """
import sys
allowed = {*sys.argv[1].split(','), *sys.builtin_module_names}
class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] not in allowed:
            raise ModuleNotFoundError(f'not inside: {name}', name=name)
for name in [*sys.modules]:  # what the start of this process imported is imported again
    if name.partition('.')[0] in sys.stdlib_module_names and name not in sys.builtin_module_names:
        if not name.startswith(('importlib', '_frozen', 'encodings', 'codecs', 'io', 'abc', 'site')):
            del sys.modules[name]
sys.meta_path.insert(0, Only())
for name in sys.argv[2].split(','):
    __import__(name)
"""


def names(found: standard.Standard) -> tuple[set[str], set[str]]:
    """Everything of a closure by its first name, and what is imported by itself."""
    modules = {source.name for source in found.modules}
    leaves = {"nturl2path", "py_compile"}
    return {name.partition(".")[0] for name in modules} | set(found.extensions), {
        name for name in modules if "." not in name and name not in leaves and not name.startswith("_")
    }


LIBRARY = ("asyncio", "code", "importlib.metadata", "json.tool", "logging.handlers", "urllib.request", "xmlrpc.server")


@pytest.mark.parametrize("wanted", [(), LIBRARY])
def test_each_module_of_a_closure_can_be_imported(wanted: tuple[str, ...]) -> None:
    own = ("asyncio", "decimal", "uuid", "zoneinfo", "socket", "random", "pathlib", "dataclasses", "traceback")
    inside, each = names(standard.closure(wanted, own))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ONLY_THESE, ",".join(inside), ",".join(sorted({*each, *wanted}))],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="this library ties more of its modules together")
def test_a_small_program_brings_no_network_protocols_and_no_other_processes(built: Built) -> None:
    inside = {file.path for file in built.manifest.files}
    for path in ("ssl.py", "http/client.py", "email/message.py", "multiprocessing/context.py", "argparse.py"):
        assert f"/standard/{path}" not in inside
    assert not [path for path in inside if "libcrypto" in path or "/tests/" in path]


@pytest.mark.parametrize(
    ("wanted", "brings"),
    [
        ("ssl", "ssl"),
        ("concurrent.futures.ProcessPoolExecutor", "multiprocessing"),
        ("importlib.metadata", "email"),
        ("urllib.request", "http"),
        ("uuid", "hashlib"),
        ("argparse", "argparse"),
        ("cProfile", "profile"),
    ],
)
def test_what_a_program_names_is_inside(wanted: str, brings: str) -> None:
    own = ("asyncio", "uuid", "pathlib")
    if sys.version_info < (3, 13):  # whose library ties less together
        assert brings not in names(standard.closure((), own))[0]
    assert brings in names(standard.closure((wanted,), own))[0]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="distutils went")
def test_what_builds_an_extension_brings_no_converter_of_python_2() -> None:
    inside = names(standard.closure(("distutils.command.build_ext",)))[0]
    assert "distutils" in inside and "lib2to3" not in inside
    assert "lib2to3" in names(standard.closure(("lib2to3.refactor",)))[0]


def test_compiled_modules_are_two_native_files_without_the_hosts(built: Built) -> None:
    own = [file for file in built.manifest.files if file.path.startswith("/gotee/") and file.role == "native"]
    assert sorted(file.module for file in own) == sorted(",".join(FILES[name]) for name in INSIDE)
    code = b"".join(Path(built.places[file.path]).read_bytes() for file in own)
    inside = [module for name in INSIDE for module in FILES[name]]
    assert all(f"PyInit_{module.rpartition('.')[2]}\0".encode() in code for module in inside)
    assert not any(f"PyInit_{module.rpartition('.')[2]}\0".encode() in code for module in FILES[HOST])


def test_what_maps_libraries_needs_none(built: Built) -> None:
    (file,) = (file for file in built.manifest.files if file.module == LIBRARIES)
    assert file.needs == ()


def test_every_compiled_module_is_listed_in_the_file_of_its_world() -> None:
    folder = Path(gotee.__file__).parent
    sources = {".".join(("gotee", *path.relative_to(folder).with_suffix("").parts)) for path in folder.rglob("*.pyx")}
    assert sources == {module for modules in FILES.values() for module in modules}
    assert {name.split(".")[1] for name in FILES[TRUSTED]} == {"boundary", "enclave", "runtime"}
    assert Path(place_of(HOST)).parent.name == "host"
