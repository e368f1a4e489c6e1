"""Tiny programs with files beside their modules, and packages of every kind. Each has main:entry; see test_slices."""

CASES = {
    "data_at_root_by_path_in_other_unit": """
=== main.py
from pathlib import Path
HERE = Path(__file__).parent
def entry(): return (HERE / "words.txt").read_text().split()
=== words.txt
alpha beta
""",
    "data_in_folder_joined": """
=== main.py
import os
HERE = os.path.dirname(os.path.abspath(__file__))
def entry():
    with open(os.path.join(HERE, "data", "words.txt")) as f: return f.read().split()
=== data/words.txt
alpha beta
""",
    "data_path_from_config_module": """
=== main.py
import config
def entry(): return (config.ROOT / "data" / "a.json").read_text()
=== config.py
from pathlib import Path
ROOT = Path(__file__).resolve().parent
planted = 1
=== data/a.json
{"a": 1}
""",
    "data_by_glob": """
=== main.py
from pathlib import Path
def entry(): return sorted(p.name for p in Path(__file__).parent.glob("*.tmpl"))
=== one.tmpl
1
=== two.tmpl
2
""",
    "data_by_computed_name": """
=== main.py
import os
def load(name):
    with open(os.path.join(os.path.dirname(__file__), f"{name}.txt")) as f: return f.read().strip()
def entry(): return load("one"), load("two")
=== one.txt
1
=== two.txt
2
""",
    "data_read_at_import": """
=== main.py
import json, pathlib
CONFIG = json.loads(pathlib.Path(__file__).with_name("conf.json").read_text())
def entry(): return CONFIG["x"]
=== conf.json
{"x": 5}
""",
    "data_of_package_by_module_attribute": """
=== main.py
import os, pkg
def entry():
    with open(os.path.join(os.path.dirname(pkg.__file__), "d", "x.txt")) as f: return f.read()
=== pkg/__init__.py
planted = 1
=== pkg/d/x.txt
deep
""",
    "data_by_resources_with_constant": """
=== main.py
from importlib import resources
PACKAGE = "pkg.data"
def entry(): return resources.files(PACKAGE).joinpath("x.txt").read_text()
=== pkg/__init__.py
=== pkg/data/__init__.py
=== pkg/data/x.txt
res
""",
    "data_by_resources_anchor_module": """
=== main.py
import importlib.resources as ir
import pkg
def entry(): return (ir.files(pkg) / "x.txt").read_text(), ir.files("pkg").joinpath("sub", "y.txt").read_text()
=== pkg/__init__.py
=== pkg/x.txt
x
=== pkg/sub/y.txt
y
""",
    "data_by_pkgutil_dunder_name": """
=== main.py
import pkg
def entry(): return pkg.load()
=== pkg/__init__.py
import pkgutil
def load(): return pkgutil.get_data(__name__, "x.bin")
=== pkg/x.bin
bytes
""",
    "sqlite_file_and_csv": """
=== main.py
import csv, os
def rows():
    path = os.path.join(os.path.dirname(__file__), "tables", "t.csv")
    with open(path, newline="") as f: return list(csv.reader(f))
ROWS = rows()
def entry(): return ROWS
=== tables/t.csv
a,b
1,2
""",
    "namespace_package_nested": """
=== main.py
import ns.inner.leaf as leaf
from ns.inner import other
def entry(): return leaf.VALUE, other.VALUE
=== ns/inner/leaf.py
VALUE = 1
planted = 3
=== ns/inner/other.py
from . import leaf
VALUE = leaf.VALUE + 1
""",
    "relative_import_three_levels": """
=== main.py
from a.b.c.d import value
def entry(): return value()
=== a/__init__.py
ROOT = 1
planted = 2
=== a/b/__init__.py
from .. import ROOT as UP
=== a/b/c/__init__.py
=== a/b/c/d.py
from ... import ROOT
from .. import UP
from ...x import helper
def value(): return ROOT + UP + helper()
=== a/x.py
def helper(): return 10
def planted(): return 11
""",
    "package_main_module": """
=== main.py
from pkg.__main__ import run
def entry(): return run()
=== pkg/__init__.py
=== pkg/__main__.py
def run(): return "ran"
def planted(): return 1
if __name__ == "__main__":
    planted()
""",
    "package_init_imports_submodule_then_shadows": """
=== main.py
import pkg
from pkg import tool
def entry(): return tool(), pkg.tool()
=== pkg/__init__.py
from . import tool
from .tool import tool
=== pkg/tool.py
def tool(): return "function"
""",
    "plugins_found_by_iter_modules": """
=== main.py
import importlib, pkgutil
import plugins
for info in pkgutil.iter_modules(plugins.__path__):
    importlib.import_module("plugins." + info.name)
from registry import R
def entry(): return sorted(R)
=== registry.py
R = []
=== plugins/__init__.py
=== plugins/one.py
from registry import R
R.append("one")
=== plugins/two.py
from registry import R
R.append("two")
""",
    "plugins_found_by_glob": """
=== main.py
import glob, importlib, os
for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "plugins", "[a-z]*.py"))):
    importlib.import_module("plugins." + os.path.basename(path)[:-3])
from registry import R
def entry(): return sorted(R)
=== registry.py
R = []
=== plugins/__init__.py
=== plugins/one.py
from registry import R
R.append("one")
=== plugins/two.py
from registry import R
R.append("two")
""",
    "dunder_all_of_package_lists_modules": """
=== main.py
from pkg import *
def entry(): return one.VALUE, two.VALUE
=== pkg/__init__.py
__all__ = ["one", "two"]
=== pkg/one.py
VALUE = 1
=== pkg/two.py
VALUE = 2
""",
    "vendored_fallback": """
=== main.py
try:
    from not_there_lib import parse
except ImportError:
    from vendor.lib import parse
def entry(): return parse("x")
=== vendor/__init__.py
=== vendor/lib.py
def parse(x): return x + "!"
def planted(x): return x
""",
    "module_and_package_of_same_name_in_package": """
=== main.py
import pkg.json
import json
def entry(): return pkg.json.dumps(1), json.dumps([1])
=== pkg/__init__.py
=== pkg/json.py
from __future__ import annotations
def dumps(x): return f"own {x}"
""",
    "own_module_hides_standard_one": """
=== main.py
import colorsys
def entry(): return colorsys.rgb()
=== colorsys.py
def rgb(): return "own"
def planted(): pass
""",
    "conditional_submodule_on_platform": """
=== main.py
import sys
if sys.platform.startswith("win"):
    from plat import win as impl
else:
    from plat import posix as impl
def entry(): return impl.NAME
=== plat/__init__.py
=== plat/win.py
NAME = "win"
=== plat/posix.py
NAME = "posix"
""",
    "module_attribute_through_two_aliases": """
=== main.py
import pkg as p
from pkg import inner as i
i.VALUE = 2
def entry(): return p.inner.VALUE
=== pkg/__init__.py
from . import inner
=== pkg/inner.py
VALUE = 1
planted = 2
""",
    "importlib_metadata_of_nothing": """
=== main.py
import importlib.metadata as md
def entry():
    try: return md.version("surely-not-installed-gotee")
    except md.PackageNotFoundError: return "none"
""",
    "source_file_loaded_by_location": """
=== main.py
import importlib.util, os
path = os.path.join(os.path.dirname(__file__), "extra", "tool.py")
spec = importlib.util.spec_from_file_location("tool", path)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
def entry(): return tool.value()
=== extra/tool.py
def value(): return 6
""",
    "text_of_own_module_hashed": """
=== main.py
import hashlib, lib
def entry():
    with open(lib.__file__, "rb") as f: return hashlib.sha256(f.read()).hexdigest()
=== lib.py
# a comment
X = 1
def unused(): pass
""",
}
MAY_REFUSE = {"source_file_loaded_by_location"}
