"""Random programs of a dozen modules that import each other in every form; what is imported registers itself.

`program(seed)` gives the files. What main:entry calls, and reads of the register, decides what a slice keeps.
"""

from __future__ import annotations

import random

REG = "LOG = []\ndef log(x): LOG.append(x); return x\ndef planted_reg(): pass\n"
ORDER = ("t1", "t0", "p.q.n2", "p.q.n1", "p.q.n0", "p.q", "p.m2", "p.m1", "p.m0", "p", "main")
"""Each imports from those before it."""
PACKAGES = ("p", "p.q")


class Module:
    """Writes one module. `uses` are what it can call of what it has imported."""

    def __init__(self, name: str, draw: random.Random) -> None:
        self.name = name
        self.short = name.replace(".", "_")
        self.draw = draw
        self.earlier = ORDER[: ORDER.index(name)]
        self.lines: list[str] = []
        self.uses: list[str] = []
        self.forms = [getattr(self, form) for form in sorted(dir(self)) if form.startswith("form_")]

    def text(self) -> str:
        for _ in range(self.draw.randint(1, 3) if self.earlier else 0):
            self.draw.choice(self.forms)(self.draw.choice(self.earlier))
        if self.draw.random() < 0.5:
            self.lines.insert(self.draw.randint(0, len(self.lines)), self.effect())
        if self.draw.random() < 0.3:
            noted = f"from reg import LOG as K_{self.short}\n@(lambda f: K_{self.short}.append(f.__name__) or f)\n"
            self.lines.append(f"{noted}def dec_{self.short}(): return 0")
        also = f" + str({self.draw.choice(self.uses)}())" if self.uses and self.draw.random() < 0.6 else ""
        self.lines.append(f"V_{self.short} = '{self.short}'\ndef f_{self.short}(d=0): return '{self.short}'{also}")
        self.lines.append(f"def planted_{self.short}(): return 1")
        if self.name in ("p", "p.q", "t0") and self.draw.random() < 0.4:
            more = ", 'm0'" if self.name == "p" and self.draw.random() < 0.5 else ""
            self.lines.append(f"__all__ = ['f_{self.short}', 'V_{self.short}'{more}]")
        if self.name == "main":
            calls = ", ".join(f"str({use}())" for use in self.draw.sample(self.uses, min(len(self.uses), 2)))
            self.lines.append(f"def entry():\n    import reg\n    return reg.LOG, [{calls}]")
        return "\n".join(self.lines) + "\n"

    def effect(self) -> str:
        ways = [f"import reg; reg.log('{self.short}')", f"from reg import log\nQ_{self.short} = log('{self.short}')"]
        ways.append(f"from reg import LOG as L_{self.short}\nL_{self.short}.append('{self.short}')")
        return self.draw.choice(ways)

    def siblings(self) -> tuple[str, list[str]]:
        """A package, and the last names of some modules of it that are there already."""
        package = self.draw.choice(PACKAGES)
        pool = [name.rpartition(".")[2] for name in self.earlier if name.rpartition(".")[0] == package]
        return package, self.draw.sample(pool, self.draw.randint(min(1, len(pool)), len(pool)))

    def from_package(self, package: str, source: str, names: list[str], body: str = "") -> None:
        if names:
            body = body or ", ".join(f"{name} as {name}_{self.short}" for name in names)
            self.lines.append(f"from {source} import {body}")
            chosen = self.draw.choice(names)
            self.uses.append(f"{chosen}_{self.short}.f_{package.replace('.', '_')}_{chosen}")

    # -- forms -----------------------------------------------------------------------------------------------

    def form_import(self, other: str) -> None:
        self.lines.append(f"import {other}")
        self.uses.append(f"{other}.f_{other.replace('.', '_')}")

    def form_import_several(self, other: str) -> None:
        second = self.draw.choice(self.earlier)
        self.lines.append(f"import {other}, os, {second}")
        self.uses.append(f"{second}.f_{second.replace('.', '_')}")

    def form_import_as(self, other: str) -> None:
        short = other.replace(".", "_")
        self.lines.append(f"import {other} as z_{short}")
        self.uses.append(f"z_{short}.f_{short}")

    def form_from(self, other: str) -> None:
        short = other.replace(".", "_")
        self.lines.append(f"from {other} import f_{short}, V_{short}")
        self.uses.append(self.draw.choice([f"f_{short}", f"(lambda: V_{short})"]))

    def form_star(self, other: str) -> None:
        self.lines.append(f"from {other} import *")
        self.uses.append(f"f_{other.replace('.', '_')}")

    def form_modules(self, other: str) -> None:
        package, names = self.siblings()
        self.from_package(package, package, names)

    def form_modules_on_lines(self, other: str) -> None:
        package, names = self.siblings()
        lines = "".join(f"  {name} as {name}_{self.short},  # {name}\n" for name in names)
        self.from_package(package, package, names, f"(\n{lines})")

    def form_relative(self, other: str) -> None:
        package, names = self.siblings()
        inside_p = self.name == "p" or self.name.startswith("p.m")
        dots = {"p": ".", "p.q": ".q"} if inside_p else {"p": "..", "p.q": "."}
        if self.name.startswith("p"):
            self.from_package(package, dots[package], names)

    def form_in_try(self, other: str) -> None:
        self.lines.append(f"try:\n    import {other}\nexcept ImportError:\n    pass")
        self.uses.append(f"{other}.f_{other.replace('.', '_')}")

    def form_in_function(self, other: str) -> None:
        name, short = f"g_{self.short}_{len(self.lines)}", other.replace(".", "_")
        self.lines.append(f"def {name}():\n    from {other} import f_{short} as ff\n    return ff()")
        self.uses.append(name)

    def form_in_class(self, other: str) -> None:
        name, short = f"C_{self.short}_{len(self.lines)}", other.replace(".", "_")
        self.lines.append(
            f"class {name}:\n    from {other} import f_{short} as ff, V_{short}\n    import {other} as mod"
        )
        self.uses.append(self.draw.choice([f"{name}.ff", f"{name}.mod.f_{short}"]))

    def form_on_one_line(self, other: str) -> None:
        number, short = len(self.lines), other.replace(".", "_")
        first, last = "from reg import log as lg", f"W_{self.short}{number} = lg('w{self.short}')"
        self.lines.append(f"{first}; import {other} as y{number}; {last}")
        self.uses.append(f"y{number}.f_{short}")

    def form_by_name(self, other: str) -> None:
        short = other.replace(".", "_")
        ways = [f"__import__('importlib').import_module('{other}')", f"__import__('{other}', fromlist=['V'])"]
        self.lines.append(f"n_{short} = {self.draw.choice(ways)}")
        self.uses.append(f"n_{short}.f_{short}")

    def form_through_another(self, other: str) -> None:
        top = other.partition(".")[0]
        self.lines.append(f"import sys, {other}\nx_{top} = sys.modules['{other}']")
        self.uses.append(f"x_{top}.f_{other.replace('.', '_')}")


def program(seed: int) -> dict[str, str]:
    """The files of one program.

    >>> program(1) == program(1), "main.py" in program(1)
    (True, True)
    """
    draw = random.Random(seed)
    files = {"reg.py": REG}
    for name in ORDER:
        path = f"{name.replace('.', '/')}/__init__.py" if name in PACKAGES else f"{name.replace('.', '/')}.py"
        files[path] = Module(name, draw).text()
    return files
