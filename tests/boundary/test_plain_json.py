"""JSON without the imports of `json`: what is no JSON is a ValueError, also in a process that never imported that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gotee

READS = """
import sys
package = sys.modules["gotee"] = type(sys)("gotee")
package.__path__ = [sys.argv[1]]
from gotee.boundary.plain_json import loads
assert "json" not in sys.modules
for text in sys.argv[2:]:
    try:
        print(loads(text.encode()))
    except ValueError:
        print("refused")
"""


def test_what_is_damaged_is_refused_without_json_being_imported() -> None:
    texts = ['{"a":[1]}', '{"a":[1]', '{"a" 1}', "[1,", '{"a":1}x', "x", '"\\q"']
    command = [sys.executable, "-I", "-S", "-c", READS, str(Path(gotee.__file__).parent), *texts]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == ["{'a': [1]}", *["refused"] * 6]
