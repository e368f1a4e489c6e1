"""What compiled code of a distribution imports of the standard library, which no text says: it is seen. Host world.

The packages that the program names are imported once, in a process of its own with an empty environment and home, in
which nothing can be imported but the standard library and the distributions of the image. What is imported only later,
by a call, is not seen.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable

from gotee.errors import ImageError
from gotee.image import cache

_SECONDS = 120
_DRIVER = """
import json, os, sys
names, folders, inside = json.loads(sys.argv[1])
plain, library = sys.meta_path.pop(), list(sys.path)
class Inside:
    def find_spec(self, name, path=None, target=None):
        if path is None and name not in inside:
            path = library
        return plain.find_spec(name, path, target)
sys.meta_path.append(Inside())
sys.path += folders
answer = os.dup(1)
null = os.open(os.devnull, os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(null, number)
for name in names:
    try:
        __import__(name)
    except BaseException:
        pass
os.write(answer, json.dumps(sorted({*sys.modules} & {*sys.stdlib_module_names})).encode())
os._exit(0)
"""


def seen(names: Iterable[str], folders: Iterable[str], inside: Iterable[str], pinned: dict[str, str]) -> frozenset[str]:
    """The modules of the standard library that are there when all of these have been imported.

    `folders` are those that the distributions lie in, `inside` their packages, the only ones that can be imported;
    `pinned` names each with the hash of its files. What fails to import has imported what it has.
    """
    asked = json.dumps([sorted(names), sorted(folders), sorted(inside)])
    key = hashlib.sha256(repr((1, sys.version, asked, sorted(pinned.items()))).encode()).hexdigest()
    stored = cache.read("compiled-imports", key)
    if stored is not None:
        return frozenset(json.loads(stored))
    try:
        with tempfile.TemporaryDirectory() as home:  # what a package writes when it is imported goes with it
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-B", "-c", _DRIVER, asked],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"HOME": home, "TMPDIR": home},
                cwd=home,
                timeout=_SECONDS,
                check=False,
            )
        found = json.loads(done.stdout or b"[]")  # nothing, where an import ends its process
    except subprocess.TimeoutExpired:
        raise ImageError(
            f"importing {', '.join(sorted(names))} takes more than {_SECONDS} s: what its compiled code imports of the "
            "standard library cannot be seen; import it in a function of the trusted part"
        ) from None
    cache.write("compiled-imports", key, json.dumps(found).encode())
    return frozenset(found)
