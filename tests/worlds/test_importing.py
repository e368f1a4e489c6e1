"""What can be imported inside: the program's modules, the standard library, and the packages that the program uses."""

from __future__ import annotations

from pathlib import Path

from .program import lines_of, run, write_program


def test_what_the_image_names_is_found_and_nothing_else(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            """
        import importlib.util
        import json.decoder

        def found(name: str) -> bool:
            try:
                return importlib.util.find_spec(name) is not None  # gotee: include=main:found
            except ModuleNotFoundError:
                return False

        def main() -> None:
            for name in ("json", "json.decoder", "greenlet", "msgspec", "gotee.errors", "_struct", "encodings.cp1252"):
                if not gosecure(found, name).result(): print("missing", name)
            for name in ("pytest", "pip", "numpy", "gotee.host", "gotee.compiler", "json.parts", "no_such_module"):
                if gosecure(found, name).result(): print("too much", name)
        """,
        )
        == []
    )


def test_only_distributions_of_the_image_are_found(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        from importlib import metadata

        def names() -> list[str]:
            return sorted(found.metadata["Name"].lower() for found in metadata.distributions())

        def version(name: str) -> str:
            return metadata.version(name)

        def main() -> None:
            import greenlet
            print(gosecure(names).result())
            print(gosecure(version, "greenlet").result() == greenlet.__version__)
        """,
    ) == ["['gotee', 'greenlet', 'msgspec']", "True"]


def test_a_package_brings_what_it_requires(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        def signature() -> int:
            import _cffi_backend
            return len(Ed25519PrivateKey.generate().sign(b"hello"))

        def main() -> None:
            print(gosecure(signature).result())
        """,
    ) == ["64"]


def test_data_of_the_program_and_its_packages_is_found(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import importlib.resources
        import pkgutil
        import shop
        from shop import catalogue

        def read() -> str:
            first = importlib.resources.files("shop").joinpath("prices.txt").read_text()
            third = importlib.resources.files("shop.lists").joinpath("a.txt").read_text()
            return first + pkgutil.get_data("shop", "prices.txt").decode() + third

        def names() -> list[str]:
            return sorted(found.name for found in pkgutil.iter_modules(shop.__path__))

        def price() -> int:
            return catalogue.PRICE

        def main() -> None:
            print(gosecure(read).result().split())
            print(gosecure(names).result(), gosecure(price).result())
        """,
        {
            "shop/__init__.py": "",
            "shop/prices.txt": "12 34\n",
            "shop/catalogue.py": "PRICE = 3\n",
            "shop/lists/a.txt": "56\n",
        },
    ) == ["['12', '34', '12', '34', '56']", "['catalogue'] 3"]


def test_inside_only_our_own_finder_is_left(tmp_path: Path) -> None:
    ended = run(
        write_program(
            tmp_path,
            """
            import importlib.util

            def look() -> list[str]:
                return [getattr(f, "__name__", type(f).__name__) for f in sys.meta_path]

            def installed(name: str) -> bool:
                return importlib.util.find_spec(name) is not None  # gotee: include=main:installed

            def folders() -> int:
                return sum("site-packages" in path for path in sys.path)

            def main() -> None:
                print(gosecure(look).result())
                print(gosecure(installed, "pytest").result(), gosecure(folders).result())
            """,
        )
    )
    assert ended.lines == ["['BuiltinImporter', 'FrozenImporter', 'Importer']", "False 0"], ended
