"""examples/owner, as its two parties run it: who may have the owner's numbers, and who gets nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.attestation.commands import gotee_here
from tests.cli.conftest import environment

EXAMPLE = Path(__file__).parents[2] / "examples" / "owner"
OTHER = X25519PrivateKey.generate().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class Operator:
    """A machine with the service, and with the files that the owner got when it built the image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = environment(XDG_STATE_HOME=str(folder / "state"))
        accepted = ("--accept-simulation", "--accept-debug", "-o", "policy.toml")
        for words in (
            ("build", EXAMPLE / "service.py", "-o", "."),
            ("policy", "new", "--from", "service.sgxs", *accepted),
        ):
            done = gotee_here(folder, *words)
            assert done.returncode == 0, done.stderr
        command = ["-m", "gotee", "run", "--image", folder / "service.sgxs", EXAMPLE / "service.py"]
        self.service = subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=subprocess.PIPE, text=True, env=self.settings
        )
        assert self.service.stdout is not None
        self.address = self.service.stdout.readline().removeprefix("listening on ").strip()

    def owner(self, address: str, policy: str = "policy.toml") -> subprocess.CompletedProcess[str]:
        words = [EXAMPLE / "owner.py", address, "--policy", self.folder / policy, "3100", "4200", "2800"]
        return subprocess.run(
            [sys.executable, *map(str, words)], capture_output=True, text=True, timeout=60, env=self.settings
        )

    def close(self) -> None:
        self.service.terminate()
        self.service.wait(timeout=60)
        assert self.service.stdout is not None
        self.service.stdout.close()


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    operator = Operator(tmp_path_factory.mktemp("owner"))
    yield operator
    operator.close()


class Between:
    """A host that passes messages on, changed by `change`, and keeps what it heard from one owner."""

    def __init__(self, address: str, change: Any) -> None:
        self.heard: list[dict[str, str]] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._carry, args=(address, change))
        self._thread.start()

    def _carry(self, address: str, change: Any) -> None:
        host, _, port = address.rpartition(":")
        owner, _ = self._server.accept()
        with owner, owner.makefile("rwb") as near, socket.create_connection((host, int(port))) as service:
            far = service.makefile("rwb")
            while line := near.readline():
                self.heard.append(json.loads(line))
                far.write(line)
                far.flush()
                near.write(json.dumps({**json.loads(far.readline()), **change(self.heard[-1])}).encode() + b"\n")
                near.flush()

    def ended(self) -> list[str]:
        """What the owner told, by name, once it is gone."""
        self._thread.join(timeout=60)
        self._server.close()
        return [name for message in self.heard for name in message]


def test_the_owner_gets_the_mean_and_the_operator_sees_no_number(operator: Operator) -> None:
    between = Between(operator.address, lambda _: {})
    done = operator.owner(between.address)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "the mean is 3366.6666666666665"), done.stderr
    assert "a simulation" in done.stdout
    assert between.ended() == ["nonce", "owner", "question"]
    assert b"3100" not in bytes.fromhex(between.heard[1]["question"])


def test_an_operator_with_a_key_of_its_own_gets_no_number(operator: Operator) -> None:
    between = Between(operator.address, lambda _: {"key": OTHER.hex()})
    done = operator.owner(between.address)
    assert done.returncode == 1 and done.stderr.startswith("nothing was sent: key: ")
    assert between.ended() == ["nonce"]


def test_another_image_than_the_owners_gets_no_number(operator: Operator) -> None:
    policy = (operator.folder / "policy.toml").read_text().splitlines()
    other = [f'measurements = ["{"ab" * 32}"]' if line.startswith("measurements") else line for line in policy]
    (operator.folder / "other.toml").write_text("\n".join(other))
    between = Between(operator.address, lambda _: {})
    done = operator.owner(between.address, "other.toml")
    assert done.returncode == 1 and done.stderr.startswith("nothing was sent: measurement: ")
    assert between.ended() == ["nonce"]


def test_a_changed_answer_is_noticed(operator: Operator) -> None:
    between = Between(operator.address, lambda heard: {"answer": "00" * 40} if "question" in heard else {})
    done = operator.owner(between.address)
    assert done.returncode == 1 and "altered on its way" in done.stderr
    between.ended()
