"""The program's policy: what trusted code may ask of the host. Both worlds.

`[tool.gotee.ocalls]` says it, the image holds it, and the enclave asks it before anything is sent. It limits what
trusted code *asks*; what a hostile host does with a request, or answers, no policy can say.
"""

from __future__ import annotations

from gotee.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping
    from typing import Any, Final, NamedTuple

    from gotee.boundary.network_rules import NetworkRule
else:
    from gotee.records import Record as NamedTuple

KEYS: Final = ("console", "files", "network", "env", "time")
_MODES: Final = ("r", "w", "rw")


class Place(NamedTuple):
    """A path in its normal form: names from the root, or from the program's folder.

    >>> Place.of("/program/data/x.csv")
    Place(names=('program', 'data', 'x.csv'), absolute=True)
    >>> str(Place.of("data/x.csv")), str(Place((), False)), str(Place((), True))
    ('data/x.csv', '.', '/')
    """

    names: tuple[str, ...]
    absolute: bool

    @classmethod
    def of(cls, path: str) -> Place:
        """Raises ValueError for a path that is not in its normal form."""
        names = () if path in (".", "/") else tuple(path.removeprefix("/").split("/"))
        if not path or any(name in ("", ".", "..") or "\0" in name for name in names):
            raise ValueError(f"{path!r} is not in its normal form")
        return cls(names, path.startswith("/"))

    def __str__(self) -> str:
        return ("/" if self.absolute else "") + "/".join(self.names) or "."


class FileRule(NamedTuple):
    """One rule of `files`. A path that does not begin with `/` begins in the program's folder.

    >>> rule = FileRule.parse("data/**:r")
    >>> [rule.names(Place.of(path)) for path in ("data", "data/a/b.csv", "out", "/data")]
    [True, True, False, False]
    """

    absolute: bool
    parts: tuple[str, ...]
    mode: str

    @classmethod
    def parse(cls, text: str) -> FileRule:
        """Read `PATH:MODE`. Raises UsageError with the place in the rule, and the cure."""
        path, colon, mode = text.rpartition(":")
        if not colon:
            cure = f"write {text + ':r'!r} for reading, :w or :rw for writing"
            raise _malformed(text, len(text), "has no mode", cure)
        if mode not in _MODES:
            raise _malformed(text, len(path) + 1, f"has the mode {mode!r}", "write r, w or rw behind the last colon")
        parts = []
        at = 0
        for part in path.split("/"):
            if part == "..":
                raise _malformed(text, at, "climbs with '..'", "write the path without it, from / if need be")
            if "**" in part and part != "**":
                raise _malformed(text, at, f"has '**' within the name {part!r}", "use * there, or ** alone")
            if "\0" in part:
                raise _malformed(text, at, "has a NUL", "leave it out")
            if part == "~" and at == 0:
                raise _malformed(text, at, "begins with '~', which is not expanded", "write the path out")
            if part not in ("", "."):
                parts.append(part)
            at += len(part) + 1
        if not path:
            raise _malformed(text, 0, "has no path", "write '.' for the program's folder, '/' for the root")
        return cls(path.startswith("/"), tuple(parts), mode)

    def names(self, place: Place) -> bool:
        """Whether it names this path."""
        return len(self.parts) in self._reached(place)

    def leads_through(self, place: Place) -> bool:
        """Whether it names this path, or may name something below it."""
        return bool(self._reached(place))

    def names_children(self, place: Place) -> bool:
        """Whether it may name something that lies directly in this folder."""
        end = len(self.parts)
        return any(
            reached < end and (self.parts[reached] == "**" or end in _closed(self.parts, {reached + 1}))
            for reached in self._reached(place)
        )

    def _reached(self, place: Place) -> set[int]:
        """The positions in the pattern at which one may stand behind a path."""
        if place.absolute != self.absolute:
            return set()
        reached = _closed(self.parts, {0})
        for name in place.names:
            stepped = set()
            for position in reached:
                if position < len(self.parts):
                    if self.parts[position] == "**":
                        stepped.add(position)
                    elif _pattern(self.parts[position]).fullmatch(name):
                        stepped.add(position + 1)
            reached = _closed(self.parts, stepped)
        return reached


def _closed(parts: tuple[str, ...], positions: Iterable[int]) -> set[int]:
    """With the positions behind each `**`, which may stand for no name at all."""
    found = set()
    for position in positions:
        found.add(position)
        while position < len(parts) and parts[position] == "**":
            position += 1
            found.add(position)
    return found


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(part: str) -> re.Pattern[str]:
    """`*` and `?` within one name; everything else stands for itself."""
    found = _patterns.get(part)
    if found is None:
        import re

        pieces = {"*": ".*", "?": "."}
        found = re.compile("".join(pieces.get(char, re.escape(char)) for char in part), re.DOTALL)
        _patterns[part] = found
    return found


def _malformed(text: str, place: int, what: str, cure: str) -> UsageError:
    return UsageError(f"rule {text!r}, character {place + 1}: it {what}; {cure}")


class Policy:
    """What the image's table allows.

    >>> policy = Policy({"files": ["data/*.csv:r"]})
    >>> policy.may(Place.of("data/x.csv"), "r"), policy.may(Place.of("data/x.csv"), "w")
    (True, False)
    >>> policy.file_line("data/y.json", "rw")
    'files = ["data/*.csv:r", "data/y.json:rw"]'
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Raises UsageError, naming the key, for what is not of its form."""
        for key in table:
            if key not in KEYS:
                raise UsageError(f"{key} is no key of the policy: it has {', '.join(KEYS)}")
        self.console = _flag(table, "console", True)
        self.time = _flag(table, "time", False)
        self.env = tuple(_texts(table, "env"))
        for name in self.env:
            if not (name.isascii() and name.isidentifier()):
                raise UsageError(f"env: {name!r} is no name of a variable: use letters, digits and _, without *")
        self._texts = {key: tuple(_texts(table, key)) for key in ("files", "network", "env")}
        self.files = tuple(_rule("files", number, text) for number, text in enumerate(self._texts["files"], 1))
        self.network = tuple(_network(number, text) for number, text in enumerate(self._texts["network"], 1))

    # -- files ------------------------------------------------------------------------------------------

    def may(self, place: Place, mode: str) -> bool:
        """Whether every letter of `mode` (r, w) is allowed for this path."""
        found = "".join(rule.mode for rule in self.files if rule.names(place))
        return all(letter in found for letter in mode)

    def may_look(self, place: Place) -> bool:
        """Whether one may ask what is there: at what a rule names, and at the folders on the way to it."""
        return any(rule.leads_through(place) for rule in self.files)

    def may_make_folder(self, place: Place) -> bool:
        """Whether a folder may be made: what a rule with w names, and the folders on the way to it."""
        return any("w" in rule.mode and rule.leads_through(place) for rule in self.files)

    def may_list(self, place: Place) -> bool:
        """Whether a folder's names may be asked for: what a rule with r names, or where one may name something.

        Names that `may_look` refuses are then left out.
        """
        return any("r" in rule.mode and (rule.names(place) or rule.names_children(place)) for rule in self.files)

    # -- the line to add ----------------------------------------------------------------------------------

    def file_line(self, path: str, mode: str) -> str:
        """The line of `[tool.gotee.ocalls]` that would allow `mode` for a path."""
        rules = list(self._texts["files"])
        for number, text in enumerate(rules):
            named, _, given = text.rpartition(":")
            if named == path:
                rules[number] = f"{path}:{'rw' if set(given + mode) == {'r', 'w'} else mode}"
                break
        else:
            rules.append(f"{path}:{mode}")
        return _line("files", rules)

    def env_line(self, name: str) -> str:
        """The line that would allow a variable."""
        return _line("env", [*self._texts["env"], name])

    def network_line(self, rule: str) -> str:
        """The line that would allow what this rule names."""
        return _line("network", [*self._texts["network"], rule])


def _line(key: str, texts: list[str]) -> str:
    return f"{key} = [{', '.join(_toml(text) for text in texts)}]"


def _toml(text: str) -> str:
    """A basic string of TOML."""
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(short.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text) + '"'


def _flag(table: Mapping[str, Any], key: str, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise UsageError(f"{key} has to be true or false, not {value!r}")
    return value


def _texts(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise UsageError(f"{key} has to be a list of texts, not {value!r}")
    return value


def _rule(key: str, number: int, text: str) -> FileRule:
    try:
        return FileRule.parse(text)
    except UsageError as error:
        raise UsageError(f"{key}, {_ordinal(number)} {error}") from None


def _network(number: int, text: str) -> NetworkRule:
    from gotee.boundary.network_rules import NetworkRule  # most programs have none

    try:
        return NetworkRule.parse(text)
    except UsageError as error:
        raise UsageError(f"network, {_ordinal(number)} {error}") from None


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
