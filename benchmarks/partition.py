"""How the time of `gotee slice` grows: generated programs of 1,000, 10,000 and 100,000 lines.

usage: benchmarks/partition.py [LINES...]       prints lines, processor seconds, definitions kept
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

MODULE_LINES = 400
REGISTRY = """TABLE = {}
def register(name):
    def mark(f):
        TABLE[name] = f
        return f
    return mark
"""
HEAD = """from __future__ import annotations
import json
import logging
from dataclasses import dataclass
from registry import register
log = logging.getLogger(__name__)
"""


def module(number: int, draw: random.Random) -> str:
    """A module that uses up to three earlier ones."""
    used = draw.sample(range(number), min(number, 3))
    lines = HEAD.splitlines() + [f"import mod{other}" for other in used]
    lines += [f"LIMIT_{number} = {number}", f"CACHE_{number}: dict[str, int] = {{}}"]
    while len(lines) < MODULE_LINES:
        lines += definition(f"{number}_{len(lines)}", number, used, draw)
    return "\n".join(lines) + "\n"


def definition(name: str, number: int, used: list[int], draw: random.Random) -> list[str]:
    """A class, a function that may be registered, now and then a statement with an effect."""
    if draw.random() < 0.25:
        text = f"""@dataclass
class Class_{name}:
    a: int = 0
    b: str = ""
    def total(self) -> int:
        return self.a + LIMIT_{number}
    def describe(self) -> str:
        return f"{{self.b}}:{{self.total()}}"
"""
    else:
        text = f"@register('f_{name}')\n" if draw.random() < 0.2 else ""
        text += f"def f_{name}(x: int, y: int = 1) -> int:\n    if x > LIMIT_{number}:\n"
        text += f"        CACHE_{number}[str(x)] = y\n"
        if used:
            other = draw.choice(used)
            text += f"        return mod{other}.LIMIT_{other} if x < 0 else x\n"
        text += "    items = [n * y for n in range(x) if n % 2]\n    return len(items) + json.loads('1')\n"
    if draw.random() < 0.05:
        text += f"VALUE_{name} = [LIMIT_{number} * n for n in range(3)]\n"
    if draw.random() < 0.02:
        text += "log.setLevel(20)\n"
    return text.splitlines()


def generate(lines: int, folder: Path) -> None:
    """Write a program of about so many lines."""
    draw = random.Random(1)
    count = max(1, lines // MODULE_LINES)
    (folder / "registry.py").write_text(REGISTRY)
    for number in range(count):
        (folder / f"mod{number}.py").write_text(module(number, draw))
    imports = "".join(f"import mod{number}\n" for number in range(count))
    (folder / "main.py").write_text(f"{imports}from registry import TABLE\ndef entry(): return len(TABLE)\n")


def main(sizes: list[int]) -> None:
    """Measure each size in a process of its own."""
    command = str(Path(sys.executable).parent / "gotee")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            generate(size, Path(folder))
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            done = subprocess.run(
                [command, "slice", folder, "main:entry"], stdout=subprocess.PIPE, text=True, check=True
            )
            spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            print(f"{size:8} lines  {spent:6.1f} s  {len(done.stdout.splitlines())} definitions kept", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_000, 10_000, 100_000])
