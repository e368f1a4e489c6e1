"""`[tool.gotee]` in pyproject.toml: what a project says of its image. Host world; the one place that reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gotee.boundary import policy
from gotee.boundary.limits import DEFAULT_LIMITS
from gotee.errors import UsageError
from gotee.image.manifest import CEILINGS, plain_ceilings

DEVELOPMENT = "development"
KEYS = (
    "name",
    "product-id",
    "security-version",
    "signer",
    "threads",
    "limits",
    "ceilings",
    "debug",
    "ocalls",
    "include",
    "error-key",
)

MEANT = {"policy": "ocalls", "files": "include", "data": "include", "version": "security-version", "key": "signer"}
"""Words that people try first, and the key that each of them is here."""


@dataclass(frozen=True)
class Settings:
    """The validated table; without one, the defaults.

    `signer` is `development` or the path of a key; `debug` is None where the signer decides: a development key signs
    for debugging only.
    """

    name: str | None = None
    product_id: int = 0
    security_version: int = 0
    signer: str = DEVELOPMENT
    threads: int = 1
    limits: dict[str, int] = field(default_factory=dict)
    ceilings: dict[str, int] = field(default_factory=dict)
    debug: bool | None = None
    ocalls: dict[str, Any] = field(default_factory=lambda: {"console": True})
    include: tuple[str, ...] = ()
    error_key: str | None = None
    file: Path | None = None

    @property
    def error_key_file(self) -> Path | None:
        """The public key to which details of failures are encrypted; a relative path starts beside pyproject.toml."""
        if self.error_key is None:
            return None
        return (self.file.parent if self.file else Path()) / self.error_key

    @property
    def key(self) -> Path | None:
        """The signer's key file; None for the development key. A relative path starts where pyproject.toml lies."""
        if self.signer == DEVELOPMENT:
            return None
        return (self.file.parent if self.file else Path()) / self.signer


def find(program: Path) -> Settings:
    """The settings of a program: those of the nearest pyproject.toml with `[tool.gotee]` at or above it."""
    start = program.resolve()
    for folder in (start, *start.parents) if start.is_dir() else start.parents:
        file = folder / "pyproject.toml"
        if file.is_file():
            found = read(file)
            if found is not None:
                return found
    return Settings()


def read(file: Path) -> Settings | None:
    """The settings of one file, or None if it has no `[tool.gotee]`. Raises UsageError with file, key and cure."""
    import tomllib

    try:
        table = tomllib.loads(file.read_text("utf-8")).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(table, dict) or "gotee" not in table:
        return None
    return _Reader(file, table["gotee"]).settings()


class _Reader:
    """Reads one table; each error names file and key."""

    def __init__(self, file: Path, table: object) -> None:
        self._file = file
        if not isinstance(table, dict):
            raise UsageError(f"{file}: [tool.gotee] is no table")
        self._table: dict[str, Any] = table

    def settings(self) -> Settings:
        self._known("tool.gotee", self._table, KEYS)
        threads = self._number("threads", 1, 1 << 16)
        if threads != 1:
            raise self._error("threads", "has to be 1: more than one thread is not built yet")
        debug = self._table.get("debug")
        if debug is not None and not isinstance(debug, bool):
            raise self._error("debug", f"has to be true or false, not {_shown(debug)}")
        signer = self._text("signer") or DEVELOPMENT
        if signer == DEVELOPMENT and debug is False:
            raise self._error("debug", "a development key signs for debugging only: name another signer")
        return Settings(
            name=self._name(),
            product_id=self._number("product-id", 0, 0xFFFF),
            security_version=self._number("security-version", 0, 0xFFFF),
            signer=signer,
            threads=threads,
            limits=self._limits(),
            ceilings=self._ceilings(),
            debug=debug,
            ocalls=self._ocalls(),
            include=self._include(),
            error_key=self._text("error-key"),
            file=self._file,
        )

    def _error(self, key: str, text: str) -> UsageError:
        return UsageError(f"{self._file}: [tool.gotee] {key} {text}")

    def _known(self, where: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                import difflib

                meant = MEANT.get(key)
                near = [meant] if meant in known else difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else "."
                raise UsageError(f"{self._file}: [{where}] has no key {_shown(key)}{hint} It has {', '.join(known)}")

    def _text(self, key: str) -> str | None:
        value = self._table.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self._error(key, f"has to be a text, not {_shown(value)}")
        return value

    def _name(self) -> str | None:
        name = self._text("name")
        if name is not None and (name[0] in "-." or not f"_{name}".replace("-", "_").replace(".", "_").isidentifier()):
            raise self._error("name", f"{_shown(name)} cannot be the name of a file: use letters, digits, - and .")
        return name

    def _number(self, key: str, least: int, most: int) -> int:
        value = self._table.get(key, least)
        if type(value) is not int or not least <= value <= most:
            raise self._error(key, f"has to be a whole number from {least} to {most}, not {_shown(value)}")
        return value

    def _limits(self) -> dict[str, int]:
        limits = self._table.get("limits", {})
        if not isinstance(limits, dict):
            raise self._error("limits", "has to be a table")
        names = tuple(name.replace("_", "-") for name in DEFAULT_LIMITS._fields)
        self._known("tool.gotee.limits", limits, names)
        for key, value in limits.items():
            if type(value) is not int or not 0 < value < 1 << 40:
                raise self._error(f"limits.{key}", f"has to be a whole number above 0, not {_shown(value)}")
        return {key.replace("-", "_"): value for key, value in limits.items()}

    def _ceilings(self) -> dict[str, int]:
        ceilings = self._table.get("ceilings", {})
        if not isinstance(ceilings, dict):
            raise self._error("ceilings", "has to be a table")
        self._known("tool.gotee.ceilings", ceilings, tuple(name.replace("_", "-") for name in CEILINGS))
        found = {key.replace("-", "_"): value for key, value in ceilings.items()}
        for name, value in found.items():
            if not plain_ceilings({name: value}):
                least, most = CEILINGS[name]
                key = name.replace("_", "-")
                raise self._error(
                    f"ceilings.{key}", f"has to be a whole number of {least} to {most}, not {_shown(value)}"
                )
        return found

    def _ocalls(self) -> dict[str, Any]:
        ocalls = self._table.get("ocalls", {})
        if not isinstance(ocalls, dict):
            raise self._error("ocalls", "has to be a table")
        self._known("tool.gotee.ocalls", ocalls, policy.KEYS)
        try:
            policy.Policy(ocalls)
        except UsageError as error:
            raise self._error("ocalls", str(error)) from None
        return {"console": True, **ocalls}

    def _include(self) -> tuple[str, ...]:
        patterns = self._table.get("include", [])
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            raise self._error("include", "has to be a list of paths, with * and ** if you like")
        for pattern in patterns:
            parts = Path(pattern).parts
            if not parts or pattern.startswith("/") or ".." in parts or not pattern.isprintable():
                raise self._error("include", f"{_shown(pattern)} has to be a path below the program's folder")
            if any("**" in part and part != "**" for part in parts):
                raise self._error("include", f"{_shown(pattern)}: ** means all folders, and stands between slashes")
        return tuple(patterns)


def matching(root: Path, pattern: str) -> list[Path]:
    """The files of a folder that one pattern of `include` names, in order. `**` at its end are all files below."""
    spelled = f"{pattern}/*" if Path(pattern).name == "**" else pattern  # from Python 3.13 on it would be so anyway
    return [path for path in sorted(root.glob(spelled)) if path.is_file()]


def _shown(value: object) -> str:
    """A value in an error: enough of it to be found again."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
