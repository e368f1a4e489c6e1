"""Random programs that bind, rebind and delete a few names at module level in every way that the language has.

`program(seed)` gives the files. A name keeps its kind (number, list, namespace, function, class) from where a function
reads it; until then the next statement may make something else of it. What main:entry reads decides what a slice keeps.
"""

# ruff: noqa: E501 - programs in lines

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
REG = """
import types
LOG = []
def log(x):
    LOG.append(x)
    return len(LOG)
class Note:
    def __init__(self, value, swallow=True):
        self.value, self.swallow = value, swallow
    def __enter__(self):
        log(self.value)
        return self.value
    def __exit__(self, *error):
        log("x")
        return self.swallow
def keep(f):
    log(f.__name__)
    return f
def count(n):
    for i in range(n):
        log(i)
        yield i
def space(**values): return types.SimpleNamespace(**values)
def show(x, depth=0):
    if depth > 3: return "..."
    if isinstance(x, (list, tuple)): return [show(e, depth + 1) for e in x]
    if isinstance(x, types.SimpleNamespace): return show(sorted(vars(x).items()), depth)
    if isinstance(x, type):
        return (x.__name__, [(k, show(v, depth + 1)) for k, v in sorted(vars(x).items()) if k[0] != "_"])
    return x if x is None or isinstance(x, (int, str)) else getattr(x, "__name__", type(x).__name__)
def planted_reg(): return 1
"""

Names = dict[str, str]
NUMBER, LIST, SPACE, FUNCTION, CLASS = "number", "list", "space", "function", "class"


class Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.number = 0
        self.kinds: Names = {}
        self.locked: set[str] = set()
        self.exported: dict[str, Names] = {}
        self.forms = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("form_")]

    def program(self) -> dict[str, str]:
        files = {"reg.py": REG}
        for name in [f"m{n}" for n in range(self.random.randint(1, 3))]:
            files[f"{name}.py"] = self.module(name, self.random.randint(4, 12))
        files["main.py"] = self.module("main", self.random.randint(1, 6)) + self.entry()
        return files

    def module(self, name: str, size: int) -> str:
        self.kinds, self.locked = {}, set()
        lines = ["from reg import Note, count, keep, log, space" if self.chance(0.7) else "from reg import *"]
        for other, kinds in self.exported.items():
            lines += self.imports(other, kinds)
        for kind in (NUMBER, LIST, SPACE):
            value = self.fresh_value(kind)
            lines.append(f"{self.bound(kind, fresh=True)} = {value}")
        for _ in range(size):
            lines.append(self.pick(self.forms)())
        self.exported[name] = {name: kind for name, kind in self.kinds.items() if "." not in name}
        return "\n".join(lines) + "\n"

    def imports(self, other: str, kinds: Names) -> list[str]:
        way = self.random.random()
        if way < 0.35:
            self.kinds |= {f"{other}.{name}": kind for name, kind in kinds.items()}
            self.locked |= {f"{other}.{name}" for name in kinds}
            return [f"import {other}"]
        if way < 0.5:
            self.kinds |= kinds
            return [f"from {other} import *"]
        chosen = self.some(sorted(kinds))
        self.kinds |= {name: kinds[name] for name in chosen}
        return [f"from {other} import {', '.join(chosen)}"] if chosen else [f"import {other}"]

    def entry(self) -> str:
        read = [f"{name}()" if kind == FUNCTION else name for name, kind in sorted(self.kinds.items())]
        values = self.random.sample(read, min(len(read), self.random.randint(1, 3)))
        log = ", list(reg.LOG)" if self.chance(0.3) else ""
        return f"import reg\ndef entry(): return [{', '.join(f'reg.show({value})' for value in values)}{log}]\n"

    # -- what statements are made of -----------------------------------------------------------------------

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, values: list[T]) -> T:
        return self.random.choice(values)

    def some(self, values: list[str]) -> list[str]:
        return [value for value in values if self.chance(0.5)]

    def digit(self) -> int:
        return self.random.randint(0, 9)

    def fresh(self) -> str:
        self.number += 1
        return f"v{self.number}"

    def bound(self, kind: str, *, fresh: bool = False, change: bool = False) -> str:
        """A name that a statement binds: a new one, or one of that kind, or, to `change` it, of any."""
        own = [name for name in self.kinds if "." not in name and self.may_become(name, kind, change)]
        name = self.fresh() if fresh or not own or self.chance(0.4) else self.pick(own)
        self.kinds[name] = kind
        return name

    def may_become(self, name: str, kind: str, change: bool) -> bool:
        return self.kinds[name] == kind or (change and name not in self.locked and self.is_spare(name))

    def is_spare(self, name: str) -> bool:
        """Whether another name has its kind, so that all kinds stay."""
        return list(self.kinds.values()).count(self.kinds[name]) > 1

    def of(self, kind: str) -> str:
        return self.pick([name for name in self.kinds if self.kinds[name] == kind])

    def has(self, kind: str) -> bool:
        return kind in self.kinds.values()

    def value(self) -> str:
        """A number."""
        ways = [str(self.digit())]
        ways += [self.of(NUMBER)] * 2 if self.has(NUMBER) else []
        ways += [f"len({self.of(LIST)})"] if self.has(LIST) else []
        ways += [f"{self.of(SPACE)}.a"] if self.has(SPACE) else []
        ways += [f"{self.of(FUNCTION)}()"] if self.has(FUNCTION) else []
        ways += [f"{self.of(CLASS)}.n"] if self.has(CLASS) else []
        ways += [f"log({self.digit()})"] if self.chance(0.3) else []
        return self.pick(ways)

    def fresh_value(self, kind: str) -> str:
        first = self.value()
        ways = {NUMBER: f"{first} + {self.digit()}", LIST: f"[{first}]", SPACE: f"space(a={first})"}
        return ways.get(kind, "lambda: 1")

    def lock(self, text: str) -> str:
        """Names that code reads later keep their kinds."""
        self.locked |= {name for name in self.kinds if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text)}
        return text

    def effect(self) -> str:
        ways = [f"log({self.value()})"]
        ways += [f"{self.of(LIST)}.append({self.value()})"] if self.has(LIST) else []
        ways += [f"{self.of(SPACE)}.a = {self.value()}"] if self.has(SPACE) else []
        ways += [f"{self.of(SPACE)}.a += {self.value()}"] if self.has(SPACE) else []
        ways += [f"{self.of(LIST)}[0:1] = [{self.value()}]"] if self.has(LIST) else []
        ways += [f"{self.of(CLASS)}.n = {self.value()}"] if self.has(CLASS) else []
        return self.pick(ways)

    def test(self) -> str:
        ways = [f"{self.value()} > {self.value()}", f"{self.value()} % 2", f"not {self.value()}"]
        ways += ["True", "False", "1", "__debug__", f"{self.value()} < 4 and log(1)", f"0 <= {self.value()} < log(2)"]
        return self.pick(ways)

    def block(self, *lines: str, depth: int = 1) -> str:
        return "".join(f"\n{'    ' * depth}{line}" for line in lines)

    # -- forms: each gives one statement ---------------------------------------------------------------------

    def form_assign(self) -> str:
        kind = self.pick([NUMBER, NUMBER, LIST, SPACE])
        value = self.fresh_value(kind)
        return f"{self.bound(kind, change=True)} = {value}"

    def form_alias(self) -> str:
        kind = self.pick(sorted(set(self.kinds.values())))
        value = self.of(kind)
        return f"{self.bound(kind, change=True)} = {value}"

    def form_chained(self) -> str:
        value = self.value()
        target = f"{self.of(SPACE)}.b" if self.has(SPACE) else "_b"
        return f"{self.bound(NUMBER)} = {target} = {value}"

    def form_augmented(self) -> str:
        if self.chance(0.5) and self.has(LIST):
            own = [name for name, kind in self.kinds.items() if kind == LIST]
            return f"{self.pick(own)} += [{self.value()}]"
        return f"{self.of(NUMBER)} {self.pick(['+=', '*=', '|=', '^='])} {self.value()}"

    def form_unpacked(self) -> str:
        values = f"{self.value()}, {self.value()}, {self.value()}"
        one, two = self.bound(NUMBER, fresh=True), self.bound(LIST, fresh=True)
        ways = [f"{one}, *{two} = {values}", f"[{one}, ({two}, _)] = {self.digit()}, ([{values}], log(3))"]
        return self.pick([*ways, f"(*{two}, {one}) = {values}"])

    def form_walrus(self) -> str:
        value, test = self.value(), self.test()
        name = self.bound(NUMBER)
        ways = [f"({name} := {value})", f"log({name} := {value})", f"f'{{({name} := {value})}}'"]
        ways += [f"[{name} := i for i in count(2)]", f"assert ({name} := {value}) or True"]
        ways += [f"if ({name} := {value}) and {test}:\n    log(5)"]
        ways += [f"_ = (lambda x=({name} := {value}): x)()"]
        return self.pick(ways)

    def form_walrus_in_loop(self) -> str:
        start = self.digit()
        name = self.bound(NUMBER)
        return f"{name} = {start}\nwhile ({name} := {name} - 1) > 0:\n    {self.effect()}"

    def form_deleted(self) -> str:
        own = [name for name in self.kinds if "." not in name and name not in self.locked and self.is_spare(name)]
        if not own:
            return self.effect()
        name = self.pick(own)
        del self.kinds[name]
        return self.pick([f"del {name}", f"del ({name},)", f"if 1:\n    del {name}"])

    def form_deleted_and_bound(self) -> str:
        value = str(self.digit())
        name = self.bound(NUMBER)
        lines = [f"{name} = 1", f"del {name}", f"try:\n    {name}\nexcept NameError:\n    {name} = {value}"]
        return "\n".join(lines)

    def form_deleted_part(self) -> str:
        name, other = self.of(LIST), self.of(SPACE)
        ways = [f"{name}.append(log(7))\ndel {name}[0]", f"{other}.c = {self.value()}\ndel {other}.c"]
        return self.pick([*ways, f"del {name}[1:]"])

    def form_if(self) -> str:
        test, first, second = self.test(), self.value(), self.value()
        effect = self.effect()
        name = self.bound(NUMBER)
        ways = [f"if {test}:\n    {name} = {first}\n    {effect}\nelse:\n    {name} = {second}"]
        ways.append(f"{name} = {first}\nif {test}:\n    {name} = {second}")
        ways.append(
            f"{name} = {first}\nif {test}:\n    pass\nelif {self.test()}:\n    {name} = {second}\nelse:\n    {effect}"
        )
        return self.pick(
            [
                *ways,
                f"{name} = {first} if {test} else {second}",
                f"{test} and {effect}" if "=" not in effect else "pass",
            ]
        )

    def form_conditional_function(self) -> str:
        test, first, second = self.test(), self.lock(self.value()), self.lock(self.value())
        name = self.bound(FUNCTION, fresh=True)
        ways = [f"if {test}:\n    def {name}(): return {first}\nelse:\n    def {name}(): return {second}"]
        ways.append(
            f"try:\n    1 // {self.digit()}\n    def {name}(): return {first}\nexcept ZeroDivisionError:\n    {name} = lambda: {second}"
        )
        ways.append(f"for _i in range(2):\n    @keep\n    def {name}(x=_i): return x + {first}")
        return self.pick(ways)

    def form_for(self) -> str:
        values = self.pick(["count(3)", f"(1, {self.value()})", f"range({self.value()} % 3 + 1)"])
        effect = self.effect()
        name = self.bound(NUMBER)
        ways = [
            f"for {name} in {values}:\n    {effect}",
            f"for {name} in {values}:\n    if {name} > 1: break\nelse:\n    {effect}",
        ]
        ways.append(f"for {name} in {values}:\n    if {name}: continue\n    {effect}")
        if self.has(SPACE):
            ways.append(f"{name} = 0\nfor {self.of(SPACE)}.a in {values}:\n    {name} += 1")
        return self.pick([*ways, f"for {name}, _ in [(i, 0) for i in {values}]: pass"])

    def form_while(self) -> str:
        effect = self.effect()
        name = self.bound(NUMBER)
        return f"{name} = {self.random.randint(1, 3)}\nwhile {name}:\n    {name} -= 1\n    {effect}\nelse:\n    {self.effect()}"

    def form_with(self) -> str:
        value, effect = self.value(), self.effect()
        name = self.bound(NUMBER)
        ways = [
            f"with Note({value}) as {name}:\n    {effect}",
            f"with Note({value}) as {name}:\n    raise ValueError\n",
        ]
        ways.append(f"with Note((1, {value})) as (_, {name}), Note(2):\n    {effect}")
        ways.append(f"{name} = 0\nwith Note(1):\n    {name} = 1 // ({value} % 2)")
        return self.pick([*ways, f"{name} = 1\nwith Note(1), Note({name}):\n    {name} += {value}"])

    def form_try(self) -> str:
        first, second, effect = self.value(), self.value(), self.effect()
        name = self.bound(NUMBER)
        fails = f"1 // ({first} % 2)"
        ways = [
            f"try:\n    {name} = {fails}\nexcept ZeroDivisionError as _e:\n    {name} = {second}\nelse:\n    {effect}"
        ]
        ways.append(
            f"{name} = {first}\ntry:\n    {effect}\n    {name} = {fails}\nexcept Exception:\n    pass\nfinally:\n    {name} += 1"
        )
        ways.append(f"try:\n    raise ValueError({first})\nexcept ValueError as _e:\n    {name} = _e.args[0]")
        ways.append(f"{name} = 0\ntry:\n    {fails}\nexcept* ZeroDivisionError:\n    {name} = {second}")
        ways.append(f"try:\n    _never\nexcept NameError:\n    {name} = {first}")
        ways.append(
            f"try:\n    try:\n        {fails}\n    finally:\n        {name} = {second}\nexcept ArithmeticError:\n    {effect}"
        )
        return self.pick(ways)

    def form_match(self) -> str:
        first, second, effect = self.value(), self.value(), self.effect()
        name = self.bound(NUMBER)
        ways = [f"match ({first}, {second}):\n    case (0, {name}): pass\n    case ({name}, _): {effect}"]
        ways.append(f"match {{'k': {first}}}:\n    case {{'k': int({name})}}: pass")
        ways.append(
            f"match {first}:\n    case 0 | 1: {name} = 1\n    case int() as {name} if log({name}): pass\n    case _: {name} = 3"
        )
        ways.append(f"match space(a={first}):\n    case object(a={name}): {effect}")
        return self.pick([*ways, f"match [1, {first}, 2]:\n    case [_, *_r]: {name} = len(_r)"])

    def form_global(self) -> str:
        value = self.lock(self.value())
        name = self.bound(NUMBER, fresh=True)
        function = self.bound(FUNCTION, fresh=True)
        self.locked.add(name)
        lines = [f"{name} = {self.digit()}"] if self.chance(0.6) else []
        change = self.pick([f"{name} = {value}", f"{name} += 1"]) if lines else f"{name} = {value}"
        ways = [f"def {function}():\n    global {name}\n    {change}\n    return {name}"]
        ways.append(
            f"def {function}():\n    global {name}\n    {name} = {value}\n    for {name} in count(2): pass\n    return 1"
        )
        ways.append(f"def {function}():\n    global {name}\n    with Note({value}) as {name}: pass\n    return {name}")
        ways.append(
            f"def {function}():\n    def inner():\n        global {name}\n        {change}\n    inner()\n    return 2"
        )
        lines.append(self.pick(ways))
        if len(lines) == 1 or self.chance(0.7):
            lines.append(
                self.pick([f"{function}()", f"log({function}())", f"_ = {function}()", f"[{function}() for _ in '12']"])
            )
        return "\n".join(lines)

    def form_nonlocal(self) -> str:
        value, first = self.lock(self.value()), self.value()
        name = self.bound(FUNCTION, fresh=True)
        lines = [
            f"def _make{name}(n):",
            "    def inner():",
            "        nonlocal n",
            f"        n += {value}",
            "        return n",
        ]
        return "\n".join(
            [*lines, "    return inner", f"{name} = _make{name}({first})", f"{name}()" if self.chance(0.5) else "pass"]
        )

    def form_function(self) -> str:
        value, default = self.lock(self.value()), self.value()
        effect = self.lock(self.effect()) if self.chance(0.4) else "pass"
        name = self.bound(FUNCTION, fresh=True)
        decorator = self.pick(["", "", "@keep\n", f"@(lambda f: log({default}) and f)\n"])
        mark = self.pick(["", "", f": log({self.digit()})"])
        return f"{decorator}def {name}(x{mark}={default}):\n    {effect}\n    return {value}"

    def form_function_again(self) -> str:
        first, second = self.lock(self.value()), self.lock(self.value())
        name, before = self.bound(FUNCTION, fresh=True), self.bound(NUMBER)
        return f"def {name}(): return {first}\n{before} = {name}()\ndef {name}(): return {second}"

    def form_wrapped(self) -> str:
        own = [name for name, kind in self.kinds.items() if kind == FUNCTION and "." not in name]
        if not own:
            return self.form_function()
        name = self.pick(own)
        return f"_old{name} = {name}\ndef {name}(_old=_old{name}):\n    log('w')\n    return _old()"

    def form_generator(self) -> str:
        value = self.lock(self.value())
        name = self.bound(FUNCTION, fresh=True)
        text = f"def _gen{name}():\n    while True:\n        yield {value}\n        log('g')\n_it{name} = _gen{name}()"
        return f"{text}\ndef {name}(): return next(_it{name})\n{name}()"

    def form_class(self) -> str:
        lines = [f"n = {self.value()}"]
        lines += [self.pick(self.class_lines())() for _ in range(self.random.randint(0, 3))]
        base = self.of(CLASS) if self.has(CLASS) and self.chance(0.3) else ""
        name = self.bound(CLASS, fresh=True)
        decorator = self.pick(["", "", "@keep\n"])
        return f"{decorator}class {name}({base}):" + self.block(*"\n".join(lines).split("\n"))

    def class_lines(self) -> list[Callable[[], str]]:
        def changed_global() -> str:
            value = self.value()
            return f"global {(name := self.bound(NUMBER, fresh=True))}\n{name} = {value}"

        def same_name() -> str:
            name = self.of(NUMBER).rpartition(".")[2]
            return f"{name} = {name} + 1" if name in self.kinds else "m = 1"

        return [
            changed_global,
            same_name,
            lambda: f"for i in count(2):\n    {self.effect()}",
            lambda: f"m = [i for i in range({self.value()} % 3)]",
            lambda: f"m: log(4) = {self.value()}",
            lambda: f"if {self.test()}:\n    p = {self.value()}\nelse:\n    q = {self.value()}",
            lambda: f"t = {self.value()}\ndel t",
            lambda: f"try:\n    n = 1 // ({self.value()} % 2)\nexcept ArithmeticError:\n    n = 7",
            lambda: f"class Inner:\n    v = log({self.digit()})",
            lambda: f"with Note({self.value()}) as w: pass",
            lambda: f"n += (k := {self.value()})",
            lambda: "locals()['z'] = n",
            lambda: self.effect(),
        ]

    def form_class_hook(self) -> str:
        name, other = self.bound(CLASS, fresh=True), self.bound(CLASS, fresh=True)
        value = self.value()
        text = f"class {name}:\n    n = 1\n    def __init_subclass__(cls, k=0): cls.n = log(k)"
        return f"{text}\nclass {other}({name}, k={value}): pass"

    def form_metaclass(self) -> str:
        name, value = self.bound(CLASS, fresh=True), self.digit()
        lines = [f"class M{name}(type):", "    @classmethod"]
        lines.append(f"    def __prepare__(meta, name, bases, **k): return {{'n': log({value})}}")
        lines.append(
            "    def __new__(meta, name, bases, space, **k): return super().__new__(meta, name, bases, dict(space))"
        )
        lines.append("    def __init__(cls, *a, **k): pass")
        return "\n".join([*lines, f"class {name}(metaclass=M{name}, k=log('k')): pass"])

    def form_effect(self) -> str:
        return self.effect()

    def form_expression(self) -> str:
        value = self.value()
        ways = [
            f"log(1) if {self.test()} else log({value})",
            f"{value} or log(4)",
            f"f'{{log({value})}}{{log(2)!r:>3}}'",
        ]
        ways += [
            f"log(*[{value}])",
            f"log(**{{'x': {value}}})",
            f"[log(i) for i in (1, {value}) if i]",
            f"{{log(1): log({value})}}",
        ]
        ways += [
            f"any(log(i) for i in (0, {value}))",
            f"assert log({value})",
            f"(lambda: log({value}))()",
            f"not log({value})",
        ]
        return self.pick([*ways, f"(log(1), log({value}))[0]", f"log(1) < log(2) < {value}", "sorted((2, 1), key=log)"])

    def form_import(self) -> str:
        module = self.pick(["reg", *self.exported])
        lines = [f"import {module} as _m", "log(_m.__name__)"]
        if module != "reg" and self.exported[module]:
            wanted = self.pick(sorted(self.exported[module]))
            if (wanted not in self.locked or self.kinds.get(wanted) == self.exported[module][wanted]) and self.chance(
                0.6
            ):
                kind = self.exported[module][wanted]
                self.kinds[wanted] = kind
                lines = [f"from {module} import {wanted}"]
        ways = [lines[0], f"if {self.pick(['True', '1', 'log(3)'])}:" + self.block(*lines)]
        ways += [
            "try:" + self.block(*lines) + "\nexcept ImportError:\n    log(8)",
            "with Note(6):" + self.block(*lines),
        ]
        ways.append("for _i in '1':" + self.block(*lines))
        return self.pick(ways)

    def form_module_changed(self) -> str:
        chains = [name for name, kind in self.kinds.items() if "." in name and kind == NUMBER]
        if not chains:
            return self.effect()
        name = self.pick(chains)
        module, _, attribute = name.partition(".")
        ways = [
            f"{name} = {self.value()}",
            f"{name} += 1",
            f"for {name} in count(2): pass",
            f"with Note(3) as {name}: pass",
        ]
        ways += [f"setattr({module}, '{attribute}', {self.value()})", f"_, {name} = 1, {self.value()}"]
        return self.pick(
            [*ways, f"{module}.new{self.digit()} = 1", f"vars({module}).update({attribute}={self.value()})"]
        )

    def form_planted(self) -> str:
        name = f"planted{self.fresh()}"
        return self.pick(
            [f"def {name}(): return {self.digit()}", f"class {name}:\n    def f(self): return 1", f"{name} = (1, 'a')"]
        )


def program(seed: int) -> dict[str, str]:
    """The files of one program.

    >>> program(1) == program(1), "main.py" in program(1)
    (True, True)
    """
    return Writer(seed).program()
