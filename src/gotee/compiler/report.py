"""What is trusted of a program, counted: `gotee tcb` prints it. Host world.

Lines are those that hold code: neither blank nor only a comment. A definition counts as inside if it is kept.
"""

from __future__ import annotations

import ast
from importlib import metadata
from pathlib import Path
from typing import Any

import gotee
from gotee.compiled import FILES, INSIDE
from gotee.compiler.calls import secured_calls
from gotee.compiler.closure import Analysis
from gotee.compiler.interface import functions_of
from gotee.compiler.program import Module
from gotee.compiler.reasons import why, why_not
from gotee.compiler.statements import Unit
from gotee.errors import ImageError
from gotee.image import wheels
from gotee.image.around import ROOMS, STANDARD
from gotee.image.build import Built
from gotee.image.manifest import NATIVE, SOURCE
from gotee.image.standard import closure, library_size

FORMAT = 1


def report(analysis: Analysis, built: Built) -> dict[str, Any]:
    """Everything that `gotee tcb` shows, as plain data."""
    modules = [_module(analysis, module) for _, module in sorted(analysis.graph.program.modules.items())]
    modules = [module for module in modules if module["definitions"]]
    inside = sum(module["inside"] for module in modules)
    total = sum(module["lines"] for module in modules)
    packages = {name: _distribution_lines(name) for name in built.manifest.program["distributions"]}
    standard = _standard_lines(built)
    own = _own_lines()
    natives = [file for file in sorted(built.manifest.files) if file.role == NATIVE]
    return {
        "format": FORMAT,
        "name": built.manifest.program["name"],
        "measurement": built.measurement.hex(),
        "program": {"modules": modules, "lines": total, "inside": inside, "share": _share(inside, total)},
        "entries": [function.signature for function in functions_of(analysis.partition)],
        "crossings": _crossings(analysis),
        "distributions": [
            {"name": name, "version": version, "lines": packages[name]}
            for name, version in sorted(built.manifest.program["distributions"].items())
        ],
        "standard": {
            "modules": len(standard),
            "of": library_size(),
            "lines": sum(standard.values()),
            "names": sorted(standard),
            "program": sorted(set(standard) - {source.name for source in closure((), built.own_imports).modules}),
        },
        "natives": [{"path": file.path, "bytes": file.size} for file in natives],
        "gotee": {"rooms": own, "lines": sum(own.values())},
        "total": inside + sum(packages.values()) + sum(standard.values()) + sum(own.values()),
    }


def _module(analysis: Analysis, module: Module) -> dict[str, Any]:
    lines = module.source.split("\n")
    code = {number for number, line in enumerate(lines, 1) if _is_code(line)}
    entries = {(entry.module, entry.name) for entry in analysis.partition.entries}
    definitions: list[dict[str, Any]] = []
    imports: dict[bool, dict[str, Any]] = {}  # one block for those inside, one for the others
    for unit in analysis.graph.resolver.table(module).statements.units:
        span = range(unit.first_line, unit.last_line + 1)
        kind = ("exec" if unit.is_import else "unit", module.name, unit.index)
        name = _name(unit)
        found = {
            "name": name,
            "line": unit.first_line,
            "lines": len(code.intersection(span)),
            "inside": kind in analysis.fixpoint.kept,
            "entry": (module.name, name) in entries,
            "why": _why(analysis, module, unit),
        }
        if not unit.is_import:
            definitions.append(found)
        elif found["inside"] in imports:
            imports[found["inside"]]["lines"] += found["lines"]
        else:
            inside = bool(found["inside"])
            reason = (
                "import statements of which something that stays uses a name"
                if inside
                else "nothing that stays uses them"
            )
            name = "imports" if inside else "other imports"
            imports[inside] = {**found, "name": name, "why": [reason]}
            definitions.append(imports[inside])
    count = sum(each["lines"] for each in definitions)
    return {
        "name": module.name,
        "file": module.file.relative_to(analysis.graph.program.root).as_posix(),
        "lines": count,
        "inside": sum(each["lines"] for each in definitions if each["inside"]),
        "definitions": definitions,
    }


def _is_code(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith("#")


def _name(unit: Unit) -> str:
    name = getattr(unit.node, "name", None)
    if isinstance(name, str):
        return name
    if isinstance(unit.node, ast.Expr) and isinstance(unit.node.value, ast.Constant):
        return "docstring" if unit.index == 0 else "text"
    text = ast.unparse(unit.node).partition("\n")[0]
    return text if len(text) <= 60 else text[:57] + "..."


def _why(analysis: Analysis, module: Module, unit: Unit) -> list[str]:
    name = getattr(unit.node, "name", None) or next(iter(sorted(unit.binds)), None)
    if name is None or name not in analysis.graph.resolver.table(module).binders:
        node = ("unit", module.name, unit.index)
        if node in analysis.graph.host_only:
            return [f"only the host runs it: {analysis.graph.host_only[node]}"]
        return ["it runs at import, and may change what stays"] if node in analysis.fixpoint.kept else []
    return why(analysis, module.name, name) or [why_not(analysis, module.name, name)]


def _crossings(analysis: Analysis) -> list[dict[str, Any]]:
    return [
        {
            "module": call.module,
            "caller": call.caller,
            "line": call.node.lineno,
            "to": f"{call.entry[0]}:{call.entry[1]}",
        }
        for call in secured_calls(analysis.graph.program)
        if call.entry is not None
    ]


def _distribution_lines(name: str) -> int:
    """Lines of Python of an installed distribution, or of a package without one."""
    try:
        found = wheels.distribution(name)
    except metadata.PackageNotFoundError:
        found = wheels.package(name)
    return sum(_lines_of(file.place) for file in found.files if file.path.endswith(".py"))


def _standard_lines(built: Built) -> dict[str, int]:
    """Lines of Python by module of the standard library."""
    files = [file.path for file in built.manifest.files if file.role == SOURCE and file.path.startswith(STANDARD)]
    names = {path: path.removeprefix(STANDARD).removesuffix("/__init__.py").removesuffix(".py") for path in files}
    return {name.replace("/", "."): _lines_of(built.places[path]) for path, name in names.items()}


def _lines_of(place: str | Path) -> int:
    with open(place, "rb") as file:
        return sum(1 for line in file if line.strip() and not line.lstrip().startswith(b"#"))


def _own_lines() -> dict[str, int]:
    folder = Path(gotee.__file__).parent
    found = {}
    for module in (name for file in INSIDE for name in FILES[file]):
        source = folder.parent.joinpath(*module.split(".")).with_suffix(".pyx")
        if not source.is_file():
            raise ImageError(
                f"the source {source} of a compiled module is missing, so it cannot be counted: reinstall gotee"
            )
    for room in ROOMS:
        path = folder / room
        files = (
            [path] if path.is_file() else [each for each in path.iterdir() if each.suffix in (".py", ".pyx", ".pxd")]
        )
        found[room.removesuffix(".py")] = sum(_lines_of(file) for file in files)
    return found


def _share(inside: int, total: int) -> float:
    return round(inside / total, 4) if total else 0.0


def difference(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What came in and what went out between two reports, one a line; empty if nothing did."""
    lines = []
    before, after = _definitions(old), _definitions(new)
    lines += [f"+ {name}" for name in sorted(after - before)]
    lines += [f"- {name}" for name in sorted(before - after)]
    for title, key in (("distribution", "distributions"), ("native", "natives")):
        first, second = _set(old[key]), _set(new[key])
        lines += [f"+ {title} {name}" for name in sorted(second - first)]
        lines += [f"- {title} {name}" for name in sorted(first - second)]
    first, second = set(old["standard"]["names"]), set(new["standard"]["names"])
    lines += [f"+ standard library {name}" for name in sorted(second - first)]
    lines += [f"- standard library {name}" for name in sorted(first - second)]
    lines += [f"+ entry {name}" for name in sorted(set(new["entries"]) - set(old["entries"]))]
    lines += [f"- entry {name}" for name in sorted(set(old["entries"]) - set(new["entries"]))]
    return lines


def _definitions(found: dict[str, Any]) -> set[str]:
    return {
        f"{module['name']}:{each['name']}"
        for module in found["program"]["modules"]
        for each in module["definitions"]
        if each["inside"]
    }


def _set(rows: list[dict[str, Any]]) -> set[str]:
    return {str(row["path"]) if "path" in row else f"{row['name']} {row['version']}" for row in rows}
