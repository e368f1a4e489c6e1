"""`[tool.gotee]`: every key is checked, and an error names file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from gotee.errors import UsageError
from gotee.image.settings import Settings, find, matching


def settings(folder: Path, text: str) -> Settings:
    (folder / "pyproject.toml").write_text(text)
    return find(folder / "main.py")


def test_without_a_table_the_defaults_hold(tmp_path: Path) -> None:
    assert settings(tmp_path, "[project]\nname = 'x'\n") == Settings()


def test_every_key_is_read(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        [tool.gotee]
        name = "notary"
        product-id = 7
        security-version = 3
        signer = "keys/release.pem"
        threads = 1
        debug = false
        include = ["data/*.txt"]
        [tool.gotee.limits]
        routines = 5
        frame-bytes = 1000
        [tool.gotee.ceilings]
        cpu-seconds = 9
        [tool.gotee.ocalls]
        console = false
        """,
    )
    assert (found.name, found.product_id, found.security_version, found.debug) == ("notary", 7, 3, False)
    assert found.key == tmp_path / "keys" / "release.pem"
    assert (found.limits, found.ocalls) == ({"routines": 5, "frame_bytes": 1000}, {"console": False})
    assert (found.include, found.ceilings) == (("data/*.txt",), {"cpu_seconds": 9})


def test_the_nearest_table_above_counts(tmp_path: Path) -> None:
    settings(tmp_path, "[tool.gotee]\nname = 'outer'\n")
    inner = tmp_path / "src" / "app"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert find(inner / "main.py").name == "outer"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("product_id = 1", ["'product_id'", "did you mean product-id?"]),
        ("nonsense = 1", ["'nonsense'", "It has name"]),
        ("ceilings.memory-bytes = 1", ["ceilings.memory-bytes has to be a whole number of 268435456 to"]),
        ("ceilings.cpu-second = 1", ["did you mean cpu-seconds?"]),
        ("ceilings.threads = true", ["ceilings.threads has to be a whole number"]),
        ("product-id = 65536", ["product-id", "65536"]),
        ("product-id = true", ["product-id", "True"]),
        ("product-id = -1", ["product-id", "-1"]),
        ("threads = 2", ["threads", "not built yet"]),
        ("name = 'a/b'", ["name", "'a/b'"]),
        ("name = ''", ["name"]),
        ("name = '..'", ["name '..' cannot be the name of a file"]),
        ("name = '-rf'", ["name '-rf' cannot be"]),
        ("signer = 3", ["signer", "3"]),
        ("debug = 'no'", ["debug", "'no'"]),
        ("debug = false", ["debug", "development key"]),
        ("include = 'x'", ["include"]),
        ("include = ['../x']", ["include", "'../x'"]),
        ("include = ['/etc/passwd']", ["include"]),
        ("include = ['.']", ["include '.'", "below the program's folder"]),
        ("include = ['\\u0000']".replace("'", '"'), ["include '\\x00'"]),
        ("include = ['a**']", ["include 'a**'", "between slashes"]),
        (f"include = ['/{'x' * 9000}']", ["xxx... has to be"]),
        ("policy = 1", ["'policy'", "did you mean ocalls?"]),
        ("version = 1", ["'version'", "did you mean security-version?"]),
        ("[tool.gotee.limits]\nkey = 1", ["no key 'key'. It has frame-bytes"]),
        (f"name = {'[' * 9000}", ["cannot be read"]),
        ("[tool.gotee.limits]\nroutine = 1", ["'routine'", "did you mean routines?"]),
        ("[tool.gotee.limits]\nroutines = 0", ["limits.routines"]),
        ("[tool.gotee.ocalls]\nfiles = ['x']", ["files, 1st rule 'x', character 2", "write 'x:r'"]),
        ("[tool.gotee.ocalls]\nfiles = ['a:r', 'x:wr']", ["files, 2nd rule 'x:wr', character 3", "r, w or rw"]),
        ("[tool.gotee.ocalls]\nfiles = ['a/../b:r']", ["files, 1st rule", "character 3", "'..'"]),
        ("[tool.gotee.ocalls]\nfiles = ['a/b**:r']", ["files, 1st rule", "character 3", "'**'"]),
        ("[tool.gotee.ocalls]\nfiles = ['~/x:r']", ["files, 1st rule", "not expanded"]),
        ("[tool.gotee.ocalls]\nfiles = [':r']", ["files, 1st rule", "no path"]),
        ("[tool.gotee.ocalls]\nfiles = 'x:r'", ["files has to be a list"]),
        ("[tool.gotee.ocalls]\nfile = ['x:r']", ["'file'", "did you mean files?"]),
        ("[tool.gotee.ocalls]\nenv = ['LANG*']", ["env", "'LANG*'"]),
        ("[tool.gotee.ocalls]\ntime = 1", ["time has to be true or false"]),
        ("[tool.gotee.ocalls]\nnetwork = ['dial:tcp:a:1']", ["network, 1st rule", "character 1", "connect or listen"]),
        ("[tool.gotee.ocalls]\nnetwork = ['connect:sctp:a:1']", ["network, 1st rule", "character 9", "tcp or udp"]),
        ("[tool.gotee.ocalls]\nnetwork = ['connect:tcp:a']", ["network, 1st rule", "character 13", "no host and port"]),
        ("[tool.gotee.ocalls]\nnetwork = ['connect:tcp:a:70000']", ["network, 1st rule", "character 15", "65535"]),
        ("[tool.gotee.ocalls]\nnetwork = ['connect:tcp:10.0.0.1/8:1']", ["network, 1st rule", "host bits"]),
        ("[tool.gotee.ocalls]\nnetwork = ['connect:tcp:::1:1']", ["network, 1st rule", "brackets"]),
        ("[tool.gotee.ocalls]\nconsol = true", ["'consol'", "did you mean console?"]),
        ("name = ", ["cannot be read"]),
    ],
)
def test_what_cannot_be_is_refused_by_file_and_key(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        settings(tmp_path, f"[tool.gotee]\n{text}\n")
    assert str(tmp_path / "pyproject.toml") in str(caught.value)
    assert all(part in str(caught.value) for part in parts), caught.value


def test_patterns_of_include_name_files_the_same_way_on_every_python(tmp_path: Path) -> None:
    for name in ("a.txt", "data/b.txt", "data/deep/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {p: [str(f.relative_to(tmp_path)) for f in matching(tmp_path, p)] for p in ("data", "data/*", "data/**")}
    assert found == {"data": [], "data/*": ["data/b.txt"], "data/**": ["data/b.txt", "data/deep/c.txt"]}
