"""README and docs/: their Python compiles, complete programs print what is written, nothing false is claimed.

A `python` block with `if __name__ == "__main__":` is a complete program; a `text` block right behind it is its
exact standard output. A `toml` block between it and the program before it is its pyproject.toml.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gotee.cli import VERBS
from gotee.config import IMAGE, LEVEL, TEE, TEES
from gotee.syntax.rewrite import rewrite

from .conftest import ROOT, Gotee

BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```)?", re.DOTALL | re.MULTILINE)
SETTINGS = re.compile(r"^```toml\n(?P<text>\[tool\.gotee.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NOT_OF_A_SIMULATION = re.compile(
    r"\b(confidential|secure enclaves?|zero[- ]trust|tamper-?proof|rollback-?proof|attested)\b"
    r"|\bruns on (Intel |AMD |AWS )?(SGX|SNP|SEV|TDX|Nitro)\b",
    re.IGNORECASE,
)


class Block(NamedTuple):
    page: Path
    line: int
    code: str
    output: str | None
    settings: str | None = None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks() -> list[Block]:
    """Every Python block of every page."""
    found: list[Block] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        before = 0
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            settings = SETTINGS.search(text, before, match.start())
            found.append(Block(page, line, match["code"], match["output"], settings and settings["text"]))
            before = match.end()
    return found


BLOCKS = blocks()
PROGRAMS = [block for block in BLOCKS if "__main__" in block.code]


def test_there_are_blocks_and_programs_to_look_at() -> None:
    pages = {block.page.relative_to(ROOT).as_posix() for block in PROGRAMS}
    assert {"README.md", "docs/index.md"} < pages
    assert {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs" / "tutorial").iterdir()} < pages


def test_no_python_block_escapes_the_search() -> None:
    opened = sum(page.read_text(encoding="utf-8").count("```python") for page in PAGES)
    assert len(BLOCKS) == opened


@pytest.mark.parametrize("block", [b for b in BLOCKS if ">>>" not in b.code], ids=str)
def test_every_python_block_compiles(block: Block) -> None:
    source = "\n" * (block.line - 1) + block.code
    compile(rewrite(source, str(block.page)), str(block.page), "exec", dont_inherit=True)


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_every_complete_program_prints_what_the_page_says(
    block: Block, gotee: Gotee, program: Callable[[str], Path]
) -> None:
    path = program(block.code)
    if block.settings is not None:
        (path.parent / "pyproject.toml").write_text(block.settings)
    done = gotee("run", path)
    assert done.returncode == 0, done.stderr
    if block.output is not None:
        assert done.stdout == block.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_claims_what_a_simulation_cannot_promise(page: Path) -> None:
    assert NOT_OF_A_SIMULATION.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("claim", ["an attested key", "Tamper-proof", "It runs on Intel SGX.", "zero trust"])
def test_the_search_for_claims_finds_them(claim: str) -> None:
    assert NOT_OF_A_SIMULATION.search(claim)


def test_the_reference_names_every_verb_and_setting() -> None:
    cli = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    settings = (ROOT / "docs" / "reference" / "config.md").read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"## gotee {verb}\n" not in cli] == []
    assert [name for name in (TEE, LEVEL, IMAGE, *TEES) if f"`{name}`" not in settings] == []


def test_the_readme_shows_the_hello_example_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = next(block.code for block in BLOCKS if block.page.name == "README.md")
    example = (ROOT / "examples" / "hello" / "hello.py").read_text(encoding="utf-8")
    without_comment = re.sub(r"  # or, in the keyword form:.*", "", shown)
    assert example.endswith(without_comment)
    assert readme.index("```python") < 1500  # on the first screen


def test_both_hello_examples_are_one_program() -> None:
    hello = ROOT / "examples" / "hello"
    plain, keyword = (
        (hello / name).read_text(encoding="utf-8").split('"""', 2)[2] for name in ("hello.py", "hello_keyword.py")
    )
    assert rewrite(keyword, "hello_keyword.py").replace("(hello,done)", "(hello, done)") == plain


def test_every_code_has_a_heading_of_its_own() -> None:
    page = (ROOT / "docs" / "reference" / "codes.md").read_text()
    used = {code for file in ROOT.glob("src/gotee/**/*.py") for code in re.findall(r'"(GT\d{3})"', file.read_text())}
    assert len(used) > 30
    assert used == set(re.findall(r"^### (GT\d{3}): ", page, re.MULTILINE))
