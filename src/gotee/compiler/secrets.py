"""Secrets that lie in a source as texts: the image's contents are not confidential. Host world; `gotee check` asks."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

from gotee.compiler.scopes import walk

SHAPES = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b")),
    ("a Slack token", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}")),
    ("a Stripe key", re.compile(r"\b[sr]k_live_[A-Za-z0-9]{20,}\b")),
    ("a Google API key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    ("a JSON Web Token", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")),
    ("a password in an address", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@{}<>]{6,}@")),
)
_NAMES = re.compile(
    r"(?:^|_)(?:secret|passw(?:or)?d|passphrase|token|api_?key|private_?key|signing_?key|access_?key|secret_?key|key|pepper|salt)s?$",
    re.IGNORECASE,
)
LEAST_LENGTH = 16
LEAST_ENTROPY = 3.3  # bits a character: words and phrases have less, random text more


def secrets_in(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Literals that are secrets by their shape, or by their randomness and the name that they are given."""
    named = {id(value): name for name, value in _assignments(tree)}
    for node in walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, (str, bytes)):
            continue
        text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        shape = next((what for what, pattern in SHAPES if pattern.search(text)), None)
        if shape is not None:
            yield node, shape
        elif id(node) in named and _random(text):
            yield node, f"what {named[id(node)]} is set to"


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Values that are bound to a name which speaks of a secret, calls such as `bytes.fromhex("...")` looked through."""
    for node in walk(tree):
        pairs: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            pairs = [(name, node.value) for target in node.targets if (name := _name_of(target))]
        elif isinstance(node, ast.AnnAssign):
            pairs = [(_name_of(node.target), node.value)]
        elif isinstance(node, ast.keyword) and node.arg:
            pairs = [(node.arg, node.value)]
        elif isinstance(node, ast.Dict):
            pairs = [(str(key.value), value) for key, value in zip(node.keys, node.values, strict=True) if _text(key)]  # type: ignore[union-attr]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given = [*node.args.posonlyargs, *node.args.args]
            pairs = [
                (a.arg, d)
                for a, d in zip(given[len(given) - len(node.args.defaults) :], node.args.defaults, strict=True)
            ]
        for name, value in pairs:
            if value is not None and _NAMES.search(name):
                yield name, _inner(value)


def _text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return ""


def _inner(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call):
        if len(node.args) == 1:
            node = node.args[0]
        elif not node.args and isinstance(node.func, ast.Attribute):
            node = node.func.value  # "...".encode()
        else:
            break
    return node


def _random(text: str) -> bool:
    if len(text) < LEAST_LENGTH or " " in text.strip() or text.startswith(("http://", "https://", "/", "./")):
        return False
    total = len(text)
    entropy = -sum(count / total * math.log2(count / total) for count in Counter(text).values())
    mixed = bool(re.search(r"[0-9\x80-\xff\x00-\x1f]", text)) and bool(re.search(r"[A-Za-z\x80-\xff]", text))
    return entropy >= LEAST_ENTROPY and mixed
