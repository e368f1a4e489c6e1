"""What of a program's trusted code came in, went out or changed between two images, by definition. Host world."""

from __future__ import annotations

import ast

from gotee.image.describe import ONLY_FIRST, ONLY_SECOND, contents, difference
from gotee.image.files import ImageFile

_SOURCE, _PROGRAM = "source ", "/program/"


def changes(old: ImageFile, new: ImageFile) -> list[str]:
    """One line each: `+` came in, `-` went out, `~` is another. Raises ImageError."""
    before, after = _sources(old), _sources(new)
    lines, told = [], set()
    for path in sorted({*before, *after}):
        one, other = before.get(path, ("", "")), after.get(path, ("", ""))
        first, second = _definitions(*one), _definitions(*other)
        if first == second and one != other:
            lines.append(f"~ {other[0]}: the same code on other lines, or with other comments")
            told.add(path)
        for name in sorted({*first, *second}):
            if first.get(name) != second.get(name):
                lines.append(f"{'+' if name not in first else '-' if name not in second else '~'} {name}")
                told.add(path)
    for line in difference(old, new):
        what, _, path = line.partition(": ")[0].rpartition(" ")
        if not (what.startswith("pages ") and path in told) and not line.startswith("program entries: "):
            lines.append(_signed(line))
    return lines


def _signed(line: str) -> str:
    if line.endswith(ONLY_SECOND):
        return f"+ {line.removesuffix(ONLY_SECOND)}"
    return f"- {line.removesuffix(ONLY_FIRST)}" if line.endswith(ONLY_FIRST) else f"~ {line}"


def _sources(image: ImageFile) -> dict[str, tuple[str, str]]:
    """The trusted sources of the program: module and text by path."""
    _, block = contents(image)
    parts = [part.partition(" /") for part in block if part.startswith(("module ", "package "))]
    names = {f"/{path}": named.partition(" ")[2] for named, _, path in parts}
    return {
        path: (names.get(path, path), text.decode("utf-8", "surrogatepass"))
        for part, text in block.items()
        if part.startswith(_SOURCE + _PROGRAM)
        for path in (part.removeprefix(_SOURCE),)
    }


def _definitions(module: str, text: str) -> dict[str, str]:
    """The statements of a module by what they bind, each without its place and its comments."""
    found: dict[str, str] = {}
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {module: text}  # of an image that another Python made
    for statement in tree.body:
        whole = ast.unparse(statement)
        name = getattr(statement, "name", None) or whole.partition("\n")[0][:60]
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            name = ast.unparse(target)
        key = f"{module}:{name}"
        found[key] = found.get(key, "") + whole
    return found
