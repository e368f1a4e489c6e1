"""Random programs of several modules whose import-time code changes state here and there; see test_random_programs.

`program(seed)` gives the files. Each has main:entry, which reads some of the state; what it reads decides what a slice
must keep. Every statement is one of a few dozen forms over the names that are in scope.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

SHOW = """
def show(x, depth=0):
    if depth > 3: return "..."
    if isinstance(x, (list, tuple)): return [show(e, depth + 1) for e in x]
    if isinstance(x, dict): return [(show(k, depth + 1), show(v, depth + 1)) for k, v in x.items()]
    if isinstance(x, type):
        return (x.__name__, [(k, show(v, depth + 1)) for k, v in sorted(vars(x).items()) if k in ("tag", "n", "log")])
    if callable(x) and hasattr(x, "__name__"): return x.__name__
    if x is None or isinstance(x, (int, str, float)): return x
    return (type(x).__name__, show(getattr(x, "v", None), depth + 1))
"""


@dataclass
class Names:
    """What is in scope of a module, by kind; each is spelled as the module may write it."""

    lists: list[str] = field(default_factory=list)
    dicts: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)  # functions without arguments that return a value
    changers: list[str] = field(default_factory=list)  # functions of one optional argument with an effect
    decorators: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

    def kinds(self) -> dict[str, list[str]]:
        return dict(vars(self))


class Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0
        self.exported: dict[str, Names] = {}  # module -> its own names

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def pick(self, names: list[str]) -> str:
        return self.random.choice(names)

    def program(self) -> dict[str, str]:
        order = ["state", *(f"m{n}" for n in range(self.random.randint(2, 7)))]
        if self.random.random() < 0.5:
            order.insert(self.random.randint(1, len(order)), "pk")
            order.insert(order.index("pk") + 1, "pk.sub")
        files: dict[str, str] = {}
        for name in order:
            path = "pk/__init__.py" if name == "pk" else name.replace(".", "/") + ".py"
            files[path] = self.module(name, self.random.randint(3, 12))
        files["main.py"] = self.main()
        return files

    def module(self, name: str, size: int) -> str:
        own, scope, lines = Names(), Names(), []
        for other in list(self.exported):
            if self.random.random() < 0.6:
                lines += self.imports(other, scope)
        self.random.shuffle(lines)
        if name == "state" or not scope.lists:
            for _ in range(2):
                self.define(own, scope, lines, self.new_list)
            self.define(own, scope, lines, self.new_dict)
            self.define(own, scope, lines, self.new_number)
        for _ in range(size):
            self.define(own, scope, lines, self.random.choice(self.forms()))
        self.exported[name] = own
        return "\n".join(lines) + "\n"

    def main(self) -> str:
        scope = Names()
        lines: list[str] = []
        others = list(self.exported)
        self.random.shuffle(others)
        for other in others:
            lines += self.imports(other, scope)
        own = Names()
        for _ in range(self.random.randint(0, 3)):
            self.define(own, scope, lines, self.random.choice(self.forms()))
        values = [*scope.lists, *scope.dicts, *scope.numbers, *scope.classes, *scope.objects]
        values += [f"{reader}()" for reader in scope.readers] + [f"{changer}(1)" for changer in scope.changers]
        read = self.random.sample(values, min(len(values), self.random.randint(1, 3)))
        body = ", ".join(f"show({value})" for value in read)
        return "\n".join(lines) + f"\n{SHOW}\ndef entry(): return [{body}]\n"

    def imports(self, other: str, scope: Names) -> list[str]:
        own = self.exported[other]
        way = self.random.random()
        everything = [(kind, name) for kind, names in own.kinds().items() for name in names if kind != "modules"]
        if way < 0.4 or not everything:
            alias = self.fresh("mod") if "." in other or self.random.random() < 0.3 else other
            for kind, name in everything:
                getattr(scope, kind).append(f"{alias}.{name}")
            scope.modules.append(alias)
            return [f"import {other}" + (f" as {alias}" if alias != other else "")]
        if way < 0.55:
            for kind, name in everything:
                getattr(scope, kind).append(name)
            return [f"from {other} import *"]
        chosen = self.random.sample(everything, self.random.randint(1, len(everything)))
        lines = []
        for kind, name in chosen:
            alias = self.fresh("a") if self.random.random() < 0.3 else name
            getattr(scope, kind).append(alias)
            lines.append(f"from {other} import {name}" + (f" as {alias}" if alias != name else ""))
        return lines

    def define(self, own: Names, scope: Names, lines: list[str], form: Callable[[Names], tuple[str, str, str]]) -> None:
        try:
            text, kind, name = form(scope)
        except IndexError:  # nothing of that kind is in scope
            return
        lines.append(text)
        if kind:
            getattr(own, kind).append(name)
            getattr(scope, kind).append(name)

    # -- forms: each gives a text, and the kind and name of what it binds ---------------------------------------

    def forms(self) -> list[Callable[[Names], tuple[str, str, str]]]:
        names = [name for name in dir(self) if name.startswith("new_")]
        return [getattr(self, name) for name in names]

    def number(self, s: Names) -> str:
        ways = [str(self.random.randint(0, 9))]
        ways += [self.pick(s.numbers)] if s.numbers else []
        ways += [f"len({self.pick(s.lists)})"] if s.lists else []
        ways += [f"len({self.pick(s.dicts)})"] if s.dicts else []
        ways += [f"{self.pick(s.classes)}.n"] if s.classes else []
        return self.pick(ways)

    def effect(self, s: Names) -> str:
        """A simple statement that changes something."""
        ways = [f"{self.pick(s.lists)}.append({self.number(s)})", f"{self.pick(s.dicts)}[{self.number(s)}] = 1"]
        ways.append(f"{self.pick(s.dicts)}.setdefault('k', []).append({self.number(s)})")
        ways += [f"{self.pick(s.changers)}({self.number(s)})"] if s.changers else []
        if s.classes:
            ways.append(f"{self.pick(s.classes)}.tag = {self.number(s)}")
            ways.append(f"setattr({self.pick(s.classes)}, 'n', {self.number(s)})")
            ways.append(f"{self.pick(s.classes)}()")
        return self.pick(ways)

    def new_list(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("L")
        return f"{name} = [{self.random.randint(0, 9)}]", "lists", name

    def new_list_of(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("L")
        way = [f"list({self.pick(s.lists)})", f"sorted(map(str, {self.pick(s.lists)}))", f"{self.pick(s.lists)} + [1]"]
        way += [f"[x for x in {self.pick(s.lists)} if x]", f"[{self.pick(s.lists)}, {self.number(s)}]"]
        return f"{name} = {self.pick(way)}", "lists", name

    def new_alias(self, s: Names) -> tuple[str, str, str]:
        kind = self.pick(["lists", "dicts", "classes", "readers", "changers"])
        name = self.fresh("A")
        return f"{name} = {self.pick(getattr(s, kind))}", kind, name

    def new_dict(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("D")
        return f"{name} = {{'a': {self.random.randint(0, 9)}}}", "dicts", name

    def new_table(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("D")
        entries = [f"'{i}': {self.pick(s.readers + s.classes + s.lists)}" for i in range(2)]
        return f"{name} = {{{', '.join(entries)}}}", "dicts", name

    def new_number(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("N")
        return f"{name} = {self.number(s)} + {self.number(s)}", "numbers", name

    def new_text_of(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("N")
        way = self.pick([f"len(str({self.pick(s.lists)}))", f"len(f'{{{self.pick(s.dicts)}}}')"])
        return f"{name} = {way}", "numbers", name

    def new_reader(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("f")
        values = [*s.lists, *s.dicts, *s.numbers, *(f"{r}()" for r in s.readers), *s.objects]
        return f"def {name}(): return ({self.pick(values)}, {self.pick(values)})", "readers", name

    def new_late_reader(self, s: Names) -> tuple[str, str, str]:
        module = self.pick([m for m in self.exported if self.exported[m].lists])
        name = self.fresh("f")
        wanted = self.pick(self.exported[module].lists)
        way = [f"from {module} import {wanted} as w\n    return w", f"import {module} as w\n    return w.{wanted}"]
        return f"def {name}():\n    {self.pick(way)}", "readers", name

    def new_changer(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        return f"def {name}(x=None):\n    {self.effect(s)}\n    return x", "changers", name

    def new_global_changer(self, s: Names) -> tuple[str, str, str]:
        name, number = self.fresh("g"), self.fresh("N")
        text = f"{number} = 0\ndef {name}(x=None):\n    global {number}\n    {number} += 1\n    return {number}"
        return text, "changers", name

    def new_memo(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        text = f"import functools\n@functools.lru_cache\ndef {name}(x=None):\n    {self.effect(s)}\n    return x"
        return text, "changers", name

    def new_default(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        return f"def {name}(x=None, seen=[]):\n    seen.append(x)\n    return list(seen)", "changers", name

    def new_effect(self, s: Names) -> tuple[str, str, str]:
        return self.effect(s), "", ""

    def new_call(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("L")
        return f"{name} = [{self.pick(s.changers)}({self.number(s)})]", "lists", name

    def new_loop(self, s: Names) -> tuple[str, str, str]:
        lines = [f"for _i in {self.pick(['range(2)', '(3, 4)', self.pick(s.lists)[:] + '[:2]'])}:", self.effect(s)]
        return "\n    ".join(lines), "", ""

    def new_condition(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("f")
        test = f"{self.number(s)} > {self.number(s)}"
        first, second = self.number(s), self.number(s)
        return f"if {test}:\n    def {name}(): return {first}\nelse:\n    {name} = lambda: {second}", "readers", name

    def new_try(self, s: Names) -> tuple[str, str, str]:
        lines = ["try:", f"    {self.effect(s)}", f"    {self.number(s)} / 0", "except ZeroDivisionError:"]
        return "\n".join([*lines, f"    {self.effect(s)}"]), "", ""

    def new_comprehension(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("L")
        return f"{name} = [{self.pick(s.lists)}.append(i) for i in range(2)]", "lists", name

    def new_rebound(self, s: Names) -> tuple[str, str, str]:
        own = [name for name in s.numbers if "." not in name and name.startswith("N")]
        return f"{self.pick(own)} {self.pick(['=', '+='])} {self.number(s)}", "", ""

    def new_module_set(self, s: Names) -> tuple[str, str, str]:
        chains = [name for name in s.numbers if "." in name]
        name, value = self.pick(chains), self.number(s)
        module, _, attribute = name.rpartition(".")
        ways = [f"{name} = {value}", f"{name} += 1", f"setattr({module}, '{attribute}', {value})"]
        ways.append(f"vars({module})['{attribute}'] = {value}")
        return self.pick(ways), "", ""

    def new_function_replaced(self, s: Names) -> tuple[str, str, str]:
        chains = [name for name in s.readers if "." in name]
        return f"{self.pick(chains)} = lambda: {self.number(s)}", "", ""

    def new_class(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("C")
        base = f"({self.pick(s.classes)})" if s.classes and self.random.random() < 0.5 else ""
        return f"class {name}{base}:\n    n = {self.number(s)}\n    tag = 'x'", "classes", name

    def new_class_with_init(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("C")
        text = f"class {name}:\n    n = 0\n    def __init__(self):\n        {self.effect(s)}\n        {name}.n += 1"
        return text, "classes", name

    def new_class_hook(self, s: Names) -> tuple[str, str, str]:
        name, log = self.fresh("C"), self.pick(s.lists)
        text = f"class {name}:\n    n = 1\n    def __init_subclass__(cls): {log}.append(cls.__name__)"
        return text, "classes", name

    def new_metaclass(self, s: Names) -> tuple[str, str, str]:
        name, log = self.fresh("C"), self.pick(s.lists)
        text = f"class M{name}(type):\n    def __init__(cls, *a): {log}.append(cls.__name__)"
        return f"{text}\nclass {name}(metaclass=M{name}):\n    n = 2", "classes", name

    def new_object(self, s: Names) -> tuple[str, str, str]:
        name, log = self.fresh("o"), self.pick(s.lists)
        note = f"len({log}) < 30 and {log}.append"
        text = f"class K{name}:\n    v = {self.number(s)}\n    def __repr__(self): {note}('r'); return 'o'"
        text += f"\n    def __eq__(self, other): {note}('e'); return False\n    __hash__ = object.__hash__"
        return f"{text}\n{name} = K{name}()", "objects", name

    def new_object_put(self, s: Names) -> tuple[str, str, str]:
        return f"{self.pick(s.lists)}.append({self.pick(s.objects)})", "", ""

    def new_object_asked(self, s: Names) -> tuple[str, str, str]:
        name, one = self.fresh("N"), self.pick(s.objects)
        ways = [f"int({one} == 1)", f"len(repr({one}))", f"len([x for x in {self.pick(s.lists)} if x == {one}])"]
        ways += [f"len(repr({self.pick(s.lists)}))", f"int(7 in {self.pick(s.lists)})"]
        return f"{name} = {self.pick(ways)}", "numbers", name

    def new_decorator(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("d")
        return f"def {name}(f):\n    {self.pick(s.dicts)}[f.__name__] = f\n    return f", "decorators", name

    def new_decorated(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("f")
        return f"@{self.pick(s.decorators)}\ndef {name}(): return {self.number(s)}", "readers", name

    def new_decorated_class(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("C")
        return f"@{self.pick(s.decorators)}\nclass {name}:\n    n = {self.number(s)}", "classes", name

    def new_manager(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("w")
        text = f"import contextlib\n@contextlib.contextmanager\ndef {name}():\n    {self.effect(s)}\n    yield\n"
        return f"{text}    {self.effect(s)}\nwith {name}():\n    {self.effect(s)}", "", ""

    def new_counter(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        text = f"import itertools\n_{name} = itertools.count()\ndef {name}(x=None): return next(_{name})"
        return text, "changers", name

    def new_process_state(self, s: Names) -> tuple[str, str, str]:
        value = self.number(s)
        ways = [f"import os\nos.environ['GOTEE_RANDOM'] = str({value})", f"import random\nrandom.seed({value})"]
        ways.append(f"import decimal\ndecimal.getcontext().prec = 5 + {value}")
        ways.append(f"import builtins\nbuiltins.gotee_random = {value}")
        return self.pick(ways), "", ""

    def new_process_reader(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("f")
        ways = ["import os\n    return os.environ.get('GOTEE_RANDOM')", "import random\n    return random.random()"]
        ways.append("import decimal\n    return str(decimal.Decimal(1) / 3)")
        ways.append("import builtins\n    return getattr(builtins, 'gotee_random', 0)")
        return f"def {name}():\n    {self.pick(ways)}", "readers", name

    def new_print(self, s: Names) -> tuple[str, str, str]:
        return f"print({self.pick(s.lists + s.objects)})", "", ""

    def new_own_namespace(self, s: Names) -> tuple[str, str, str]:
        own = [name for name in s.lists if "." not in name and name.startswith("L")]
        name = self.fresh("f")
        return f"def {name}(): return globals().get('{self.pick(own)}')", "readers", name

    def new_getattr(self, s: Names) -> tuple[str, str, str]:
        chains = [name for name in s.lists + s.dicts if "." in name]
        module, _, attribute = self.pick(chains).rpartition(".")
        name = self.fresh("f")
        way = self.pick([f"getattr({module}, '{attribute}')", f"vars({module})['{attribute}']"])
        return f"def {name}(): return {way}", "readers", name

    def new_handed_on(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        text = f"def {name}(x=None):\n    if isinstance(x, list): x.append('h')\n    return x"
        return f"{text}\n{name}({self.pick(s.lists)})", "changers", name

    def new_deleted(self, s: Names) -> tuple[str, str, str]:
        return f"{self.pick(s.dicts)}.pop('a', None)", "", ""

    def new_unpacked(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("N")
        return f"{name}, *_rest = {self.number(s)}, {self.pick(s.lists)}, 3", "numbers", name

    def new_match(self, s: Names) -> tuple[str, str, str]:
        lines = [f"match {self.number(s)}:", "    case 0 | 1 | 2:", f"        {self.effect(s)}", "    case _:"]
        return "\n".join([*lines, f"        {self.effect(s)}"]), "", ""

    def new_set_name(self, s: Names) -> tuple[str, str, str]:
        name, log = self.fresh("C"), self.pick(s.lists)
        text = f"class F{name}:\n    def __set_name__(self, owner, name): {log}.append(name)"
        return f"{text}\nclass {name}:\n    n = 3\n    fld = F{name}()", "classes", name

    def new_descriptor(self, s: Names) -> tuple[str, str, str]:
        name, log = self.fresh("N"), self.pick(s.dicts)
        text = f"class P{name}:\n    @property\n    def p(self): {log}['p'] = len({log}); return 4"
        return f"{text}\n{name} = P{name}().p", "numbers", name

    def new_operator(self, s: Names) -> tuple[str, str, str]:
        name, log = self.fresh("o"), self.pick(s.lists)
        text = f"class V{name}:\n    v = 1\n    __repr__ = lambda self: 'v'\n"
        text += f"    def __add__(self, other): {log}.append(other); return self"
        return f"{text}\n{name} = V{name}() + {self.number(s)}", "objects", name

    def new_partial(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        return f"import functools as ft\n{name} = ft.partial({self.pick(s.changers)}, 2)", "", ""

    def new_mapped(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("L")
        return f"{name} = list(map({self.pick(s.changers)}, (1, 2)))", "lists", name

    def new_generator(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        text = f"def _gen{name}():\n    while True:\n        {self.effect(s)}\n        yield {self.number(s)}"
        return f"{text}\n_it{name} = _gen{name}()\ndef {name}(x=None): return next(_it{name})", "changers", name

    def new_attribute_loop(self, s: Names) -> tuple[str, str, str]:
        return f"for _c in ({self.pick(s.classes)}, {self.pick(s.classes)}):\n    _c.tag = 'loop'", "", ""

    def new_computed_set(self, s: Names) -> tuple[str, str, str]:
        return f"for _n in ('n', 'tag'):\n    setattr({self.pick(s.classes)}, _n, {self.number(s)})", "", ""

    def new_packed(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("D")
        return f"{name} = {{'in': [{self.pick(s.lists)}]}}\n{name}['in'][0].append('p')", "dicts", name

    def new_closure(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        text = f"def _make{name}(box):\n    def inner(x=None):\n        box.append(x)\n        return len(box)"
        text += "\n    return inner"
        return f"{text}\n{name} = _make{name}({self.pick(s.lists)})", "changers", name

    def new_bound_method(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("g")
        return f"{name} = {self.pick(s.lists)}.append\n{name}('b')", "changers", name

    def new_dataclass(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("C")
        text = f"import dataclasses\n@dataclasses.dataclass\nclass {name}:\n    n: int = {self.number(s)}"
        return f"{text}\n    tag: str = 't'", "classes", name

    def new_enum(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("N")
        text = f"import enum\nclass E{name}(enum.Enum):\n    A = 1\n    B = 2"
        return f"{text}\n{name} = E{name}.B.value + {self.number(s)}", "numbers", name

    def new_dispatch(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("f")
        text = f"import functools\n@functools.singledispatch\ndef _s{name}(x): return 'any'\n@_s{name}.register\n"
        text += f"def _(x: int): return {self.number(s)}"
        return f"{text}\ndef {name}(): return (_s{name}(1), _s{name}('a'))", "readers", name

    def new_context_variable(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("f")
        text = f"import contextvars\n_v{name} = contextvars.ContextVar('v', default=0)\n_v{name}.set({self.number(s)})"
        return f"{text}\ndef {name}(): return _v{name}.get()", "readers", name

    def new_module_by_name(self, s: Names) -> tuple[str, str, str]:
        module = self.pick([m for m in self.exported if self.exported[m].numbers])
        wanted = self.pick(self.exported[module].numbers)
        name = self.fresh("f")
        ways = [
            f"__import__('importlib').import_module('{module}').{wanted}",
            f"__import__('sys').modules['{module}'].{wanted}",
        ]
        return f"import {module}\ndef {name}(): return {self.pick(ways)}", "readers", name

    def new_executed(self, s: Names) -> tuple[str, str, str]:
        text = self.effect(s)
        return f"exec({text!r})", "", ""

    def new_optional_import(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("N")
        return (
            f"try:\n    import not_there_{name}\nexcept ImportError:\n    {self.effect(s)}\n    {name} = 5",
            "numbers",
            name,
        )

    def new_deleted_name(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("T")
        return f"{name} = {self.pick(s.lists)}\n{name}.append('t')\ndel {name}", "", ""

    def new_stringified(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("L")
        return f"{name} = [k for k in {self.pick(s.dicts)}]", "lists", name

    def new_planted(self, s: Names) -> tuple[str, str, str]:
        name = self.fresh("planted")
        ways = [f"def {name}(): return {self.number(s)}", f"class {name}:\n    x = 1", f"{name} = ('a', len('b'))"]
        return self.pick([*ways, f"{name} = '-'.join(['a', 'b'])"]), "", ""


def program(seed: int) -> dict[str, str]:
    """The files of one program.

    >>> program(1) == program(1), "main.py" in program(1)
    (True, True)
    """
    return Writer(seed).program()
