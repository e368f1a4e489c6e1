"""What can be imported inside: the program's modules, the standard library, and the packages that the program uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from gotee.enclave.importer import Importer
from gotee.host.packages import packages_inside

from .program import run, write_program


@pytest.fixture
def importer() -> Importer:
    packages = packages_inside()
    standard = [str(Path(pytest.importorskip("json").__file__).parents[1])]
    modules = {"shop": {"source": "x = 1", "file": "shop.py", "package": True}}
    return Importer(modules, packages.roots, packages.distributions, standard)


@pytest.mark.parametrize("name", ["shop", "json", "json.decoder", "greenlet", "msgspec", "gotee.errors"])
def test_what_the_image_names_is_found(importer: Importer, name: str) -> None:
    parent = name.rpartition(".")[0]
    path = None if not parent else list(importer.find_spec(parent).submodule_search_locations)  # type: ignore[union-attr,arg-type]
    assert importer.find_spec(name, path) is not None


@pytest.mark.parametrize("name", ["pytest", "pip", "numpy", "shop.parts", "no_such_module"])
def test_nothing_else_is_found(importer: Importer, name: str) -> None:
    assert importer.find_spec(name, None) is None


def test_only_distributions_of_the_image_are_found(importer: Importer) -> None:
    names = {found.metadata["Name"].lower() for found in importer.find_distributions()}
    assert {"greenlet", "msgspec"} <= names
    assert "pytest" not in names


def test_a_package_brings_what_it_requires() -> None:
    assert {"cryptography", "cffi"} <= set(packages_inside(["cryptography"]).distributions)
    assert "_cffi_backend" in packages_inside(["cryptography"]).roots


def test_inside_only_our_own_finder_is_left(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            import importlib.util

            def look() -> list[str]:
                return [getattr(f, "__name__", type(f).__name__) for f in sys.meta_path]

            def installed_and_not_used() -> bool:
                return importlib.util.find_spec("pytest") is not None

            def folders() -> int:
                return sum("site-packages" in path for path in sys.path)

            def main() -> None:
                print(gosecure(look).result())
                print(gosecure(installed_and_not_used).result(), gosecure(folders).result())
            """,
        )
    )
    assert ended.lines == ["['BuiltinImporter', 'FrozenImporter', 'Importer']", "False 0"], ended
