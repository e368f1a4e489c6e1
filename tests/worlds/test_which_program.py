"""The program need not be the file that Python runs: packages, application servers, `python -c`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import gotee

MAIN = "from .api import serve\n\n\nif __name__ == '__main__':\n    serve()\n"
API = """\
from gotee import gosecure

from . import prices
from .routes import orders


def total(count: int) -> int:
    return count * prices.EACH


def serve() -> None:
    print(gosecure(total, 6).result(), orders.serve(), __name__)
"""
ORDERS = """\
from gotee import gosecure

from shop.prices import EACH


def order(count: int) -> str:
    return f"{count} for {count * EACH}"


def serve() -> str:
    return gosecure(order, 2).result()
"""
SERVER = [sys.executable, "-m", "timeit", "-n", "1", "-r", "1", "-s"]  # a program of Python's own


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a package."""
    package = tmp_path / "shop"
    (package / "routes").mkdir(parents=True)
    for name, text in (
        *(("__init__.py", ""), ("prices.py", "EACH = 7\n"), ("__main__.py", MAIN), ("api.py", API)),
        *(("routes/__init__.py", ""), ("routes/orders.py", ORDERS)),
    ):
        (package / name).write_text(text)
    return tmp_path


def ran(folder: Path, command: Sequence[str], **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTEE_", "PYTHON"))}
    path = str(Path(gotee.__file__).parents[1])
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**kept, "PYTHONPATH": path, "GOTEE_TEE": "process", **settings},
    )


def test_a_package_is_run_as_python_runs_it(shop: Path) -> None:
    done = ran(shop, [sys.executable, "-m", "shop"])
    assert done.stdout == "42 2 for 14 shop.api\n", done.stderr


def test_a_module_of_a_package_without_init_is_run_too(shop: Path) -> None:
    (shop / "shop" / "__init__.py").unlink()
    done = ran(shop, [sys.executable, "-m", "shop.__main__"])
    assert done.stdout == "42 2 for 14 shop.api\n", done.stderr


def test_a_script_in_a_folder_with_init_stays_a_script(shop: Path) -> None:
    (shop / "shop" / "script.py").write_text(
        "import prices\nfrom gotee import gosecure\n\n\ndef each() -> int:\n    return prices.EACH\n\n\n"
        "if __name__ == '__main__':\n    print(gosecure(each).result())\n"
    )
    done = ran(shop, [sys.executable, "shop/script.py"])
    assert done.stdout == "7\n", done.stderr


def test_a_profiler_is_not_the_program(shop: Path) -> None:
    (shop / "script.py").write_text(
        "from gotee import gosecure\n\n\ndef each() -> int:\n    return 7\n\n\n"
        "if __name__ == '__main__':\n    print(gosecure(each).result())\n"
    )
    done = ran(shop, [sys.executable, "-m", "cProfile", "-o", "profile", "script.py"])
    # Where the main module stays cProfile's own, as on 3.11, the compiler would go through the standard library.
    refused = "is not the function that this name has in its module, so it cannot be a secured routine\n"
    assert done.stdout == "7\n" or done.stderr.endswith(refused), done.stderr


def test_a_server_runs_the_program_that_it_has_imported(shop: Path) -> None:
    done = ran(shop, [*SERVER, "from shop.api import serve", "serve()"])
    assert done.stdout.startswith("42 2 for 14 shop.api\n"), done.stderr


def test_it_is_the_program_when_a_module_below_calls_first(shop: Path) -> None:
    """Routines of the modules that the called one does not import are inside as well."""
    done = ran(shop, [*SERVER, "from shop.api import serve, orders", "print(orders.serve()); serve()"])
    assert done.stdout.startswith("2 for 14\n42 2 for 14 shop.api\n"), done.stderr


def test_no_main_file_is_needed_for_what_is_imported(shop: Path) -> None:
    done = ran(shop, [sys.executable, "-c", "from shop.api import serve; serve()"])
    assert done.stdout == "42 2 for 14 shop.api\n", done.stderr


def test_a_server_runs_a_built_image(shop: Path) -> None:
    built = ran(shop, [sys.executable, "-m", "gotee", "build", "shop/__main__.py", "-o", "images"])
    assert (shop / "images" / "shop.sgxs").is_file(), built.stderr
    command = [*SERVER, "from shop.api import serve", "serve()"]
    done = ran(shop, command, GOTEE_IMAGE="images/shop.sgxs")
    assert done.stdout.startswith("42 2 for 14 shop.api\n"), done.stderr


def test_all_modules_that_nobody_imports_are_the_program(shop: Path) -> None:
    """As test modules are, which pytest imports."""
    (shop / "first.py").write_text("from shop.routes import orders\n")
    (shop / "other.py").write_text(ORDERS)
    code = "import first, other, shop.api; print(first.orders.serve(), other.serve()); shop.api.serve()"
    done = ran(shop, [sys.executable, "-c", code])
    assert done.stdout == "2 for 14 2 for 14\n42 2 for 14 shop.api\n", done.stderr


def test_modules_that_import_each_other_are_found(shop: Path) -> None:
    (shop / "left.py").write_text(f"import right\n{ORDERS}")
    (shop / "right.py").write_text("import left\n")
    (shop / "alone.py").write_text("")
    done = ran(shop, [sys.executable, "-c", "import alone, left; print(left.serve())"])
    assert done.stdout == "2 for 14\n", done.stderr


def test_an_installed_program_is_its_own_package_and_no_other(shop: Path) -> None:
    """Packages beside it are distributions, of which nothing is taken apart."""
    installed = shop / "site-packages"
    installed.mkdir()
    (shop / "shop").rename(installed / "shop")
    (installed / "beside.py").write_text("from gotee import gosecure\n\nSECRET = 1\n")
    api = installed / "shop" / "api.py"
    api.write_text(f"import beside\n{API}".replace("count * prices.EACH", "count * prices.EACH * beside.SECRET"))
    done = ran(installed, [sys.executable, "-m", "shop"])
    assert done.stdout == "42 2 for 14 shop.api\n", done.stderr
    counted = ran(installed, [sys.executable, "-m", "gotee", "tcb", "shop/__main__.py", "--json"])
    assert {"shop.api", "beside"} & {module["name"] for module in json.loads(counted.stdout)["program"]["modules"]} == {
        "shop.api"
    }
