"""The owner of numbers: verifies an enclave on a machine that it does not trust, and only then sends them there.

    python owner.py 127.0.0.1:7777 --policy policy.toml 3100 4200 2800

Nothing is sent before the evidence is accepted: it has to be about the image of the policy, made for this challenge,
and bind the key that the numbers are then encrypted to. It starts no enclave, and needs only the policy.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import socket
import sys
from datetime import UTC, datetime
from io import BufferedRWPair
from typing import Any

from box import ONCE, Box, der
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gotee.attestation import Collateral, Policy, verify
from gotee.errors import EvidenceError

LONGEST = 1 << 20  # bytes of a line


def ask(lines: BufferedRWPair, message: dict[str, str]) -> dict[str, Any]:
    """One message, and what comes back. ConnectionError if it is no answer."""
    lines.write(json.dumps(message).encode() + b"\n")
    lines.flush()
    found = json.loads(lines.readline(LONGEST) or b"{}")
    if not isinstance(found, dict) or not found or "error" in found:
        raise ConnectionError(f"the service does not answer: {found}")
    return found


def accepted_key(lines: BufferedRWPair, policy_file: str) -> bytes:
    """The public key of the enclave that the policy accepts. Raises EvidenceError."""
    nonce = secrets.token_bytes(32)
    proof = ask(lines, {"nonce": nonce.hex()})
    key = bytes.fromhex(proof["key"])
    policy = Policy.from_toml(policy_file, nonce=nonce, key=hashlib.sha256(key).digest())
    collateral = Collateral.from_json(proof["collateral"])
    claims = verify(bytes.fromhex(proof["quote"]), policy, now=datetime.now(UTC), collateral=collateral)
    print(f"accepted: {claims.measurement.hex()}, {'hardware' if claims.hardware else 'a simulation'}")
    return key


def mean_of(numbers: list[float], lines: BufferedRWPair, key: bytes) -> float:
    """The mean, computed by the enclave that holds the key."""
    own = X25519PrivateKey.generate()
    box = Box(own, key, der(own))
    question = box.question.encrypt(ONCE, json.dumps(numbers).encode(), None)
    found = ask(lines, {"owner": der(own).hex(), "question": question.hex()})
    return float(json.loads(box.answer.decrypt(ONCE, bytes.fromhex(found["answer"]), None)))


def main() -> None:
    parser = argparse.ArgumentParser(description="The mean of secret numbers, from an enclave that is verified first.")
    parser.add_argument("service", metavar="HOST:PORT")
    parser.add_argument("--policy", required=True, metavar="P.toml", help="which enclave is accepted")
    parser.add_argument("numbers", type=float, nargs="+")
    options = parser.parse_args()
    host, _, port = options.service.rpartition(":")
    if not host or not port.isdecimal():
        parser.error(f"{options.service}: write HOST:PORT")
    try:
        with socket.create_connection((host, int(port)), timeout=60) as link, link.makefile("rwb") as lines:
            key = accepted_key(lines, options.policy)
            print(f"the mean is {mean_of(options.numbers, lines, key)}")
    except EvidenceError as refused:
        sys.exit(f"nothing was sent: {refused}")
    except InvalidTag:
        sys.exit("the answer is not from the enclave that was verified: it was altered on its way")
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"the service at {options.service} is of no use: {error}")


if __name__ == "__main__":
    main()
