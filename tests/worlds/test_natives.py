"""A distribution as wheels carry them: an extension module, libraries beside it, one of which only the others find."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import gotee
from gotee.errors import ImageError
from gotee.image import elf, natives

CORE = """
#include <Python.h>

int one(void);
int two(void);

static PyObject *sum(PyObject *self, PyObject *nothing) {
    return PyLong_FromLong(10 * two() + one());
}

static PyMethodDef methods[] = {{"sum", sum, METH_NOARGS, NULL}, {NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_core", NULL, -1, methods};

PyMODINIT_FUNC PyInit__core(void) {
    PyObject *colors = PyImport_ImportModule("colorsys");
    if (colors == NULL)
        return NULL;
    PyObject *made = PyModule_Create(&definition);
    PyModule_AddObject(made, "colors", colors);
    return made;
}
"""
PACKAGE = """
import ctypes
import os

from shapes._core import colors, sum

here = os.path.dirname(__file__)
libraries = os.path.join(here, "..", "shapes.libs")
found = [name for name in os.listdir(libraries) if os.path.isfile(os.path.join(libraries, name))]
path = os.path.join(libraries, "libalone.so.1")
size = os.stat(path).st_size
named = ctypes.CDLL(path)
"""
PROGRAM = """
import ctypes

import shapes
from gotee import gosecure


def work() -> list[str]:
    try:
        ctypes.CDLL("/packages/shapes.libs/libother.so")
    except OSError as error:
        refused = str(error)
    try:
        open(shapes.path, "rb")
    except OSError as error:
        unread = str(error)
    files = [str(sorted(shapes.found)), str(shapes.size), unread]
    return [*files, str(shapes.sum()), str(shapes.colors.rgb_to_hsv(1, 1, 1)), str(shapes.named.alone()), refused]


if __name__ == "__main__":
    for line in gosecure(work).result():
        print(line)
"""


def compiled(source: str, to: Path, *options: str) -> None:
    """A shared object with old tags: what it is linked to finds its own libraries by its path, too."""
    to.parent.mkdir(parents=True, exist_ok=True)
    file = to.parent.parent / f"{to.name}.c"
    file.write_text(source)
    include = f"-I{sysconfig.get_path('include')}"
    command = ["cc", "-shared", "-fPIC", include, "-o", str(to), str(file), *options]
    subprocess.run([*command, "-Wl,--disable-new-dtags", "-Wl,--no-as-needed"], check=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the distribution."""
    folder = tmp_path_factory.mktemp("installed")
    libraries = folder / "shapes.libs"
    compiled("int one(void) { return 1; }", libraries / "libone.so.1", "-Wl,-soname,libone.so.1")
    compiled(
        "int one(void); int two(void) { return 1 + one(); }",
        libraries / "libaround.so.1",
        *("-Wl,-soname,libaround.so.1", str(libraries / "libone.so.1")),
    )
    compiled("int alone(void) { return 7; }", libraries / "libalone.so.1", "-Wl,-soname,libalone.so.1")
    linked = [str(libraries / "libaround.so.1"), str(libraries / "libone.so.1"), "-Wl,-rpath,$ORIGIN/../shapes.libs"]
    compiled(CORE, folder / "shapes" / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}", *linked)
    (folder / "shapes" / "__init__.py").write_text(PACKAGE)
    information = folder / "shapes-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: shapes\nVersion: 1.0\n")
    files = [*libraries.iterdir(), *(folder / "shapes").iterdir(), *information.iterdir()]
    (information / "RECORD").write_text("".join(f"{file.relative_to(folder)},,\n" for file in files))
    return folder


def core(installed: Path) -> str:
    return str(next((installed / "shapes").glob("_core*.so")))


def test_a_library_stands_behind_what_it_needs(installed: Path) -> None:
    libraries = natives.linked(natives.loader_of(sys.executable), core(installed))
    names = [os.path.basename(path) for path in libraries]
    assert names.index("libone.so.1") < names.index("libaround.so.1")


def test_a_library_that_is_found_only_through_its_user_has_none_of_its_own(installed: Path) -> None:
    loader, around = natives.loader_of(sys.executable), installed / "shapes.libs" / "libaround.so.1"
    with pytest.raises(ImageError, match=r"needs libone\.so\.1, which is not installed"):
        natives.linked(loader, str(around))
    assert natives.libraries_of(loader, str(around)) == ()


def test_the_libraries_that_a_file_names_itself_are_read(installed: Path) -> None:
    assert elf.needed(Path(core(installed)).read_bytes())[:2] == ("libaround.so.1", "libone.so.1")
    assert elf.needed(b"no ELF file") == ()
    assert elf.needed(Path(core(installed)).read_bytes()[:64]) == ()


def test_compiled_code_has_inside_what_it_imports_and_is_linked_to(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-m", "gotee", "run", "--tee", "process", str(tmp_path / "main.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={**kept, "PYTHONPATH": f"{installed}:{Path(gotee.__file__).parents[1]}"},
    )
    assert done.stdout.splitlines() == [
        "['libalone.so.1', 'libaround.so.1', 'libone.so.1']",
        str((installed / "shapes.libs" / "libalone.so.1").stat().st_size),
        "[Errno 1] /packages/shapes.libs/libalone.so.1 is a native file of the image: it is loaded, and cannot be read",
        "21",
        "(0.0, 0.0, 1)",
        "7",
        "[Errno 1] the library '/packages/shapes.libs/libother.so' is not part of the image: only what is measured is "
        "loaded",
    ], done.stderr
