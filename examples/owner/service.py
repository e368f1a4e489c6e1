"""A service that computes with numbers which its operator never sees. The operator runs this; the owner runs owner.py.

    gotee run --image out/service.sgxs service.py --port 7777

The enclave makes a key that never leaves it, and evidence that binds its public half. The host only carries what the
two send each other: a line of JSON for each message.
"""

from __future__ import annotations

import argparse
import json
import socket
from dataclasses import dataclass
from io import BufferedRWPair
from statistics import fmean

from box import ONCE, Box, der
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gotee import SecuredRoutineError, evidence, gosecure

LONGEST = 1 << 20  # bytes of a line

# -- inside ---------------------------------------------------------------------------------------------

_key = X25519PrivateKey.generate()  # each world has its own; the enclave's is the one that evidence binds


@dataclass(frozen=True)
class Proof:
    key: bytes  # DER
    quote: bytes
    collateral: str


def prove(nonce: bytes) -> Proof:
    """Evidence of this enclave and of its key, for whoever made up the nonce."""
    key = der(_key)
    found = evidence(nonce=nonce, key=key)
    return Proof(key, found.quote, found.collateral)


def mean(owner: bytes, question: bytes) -> bytes:
    """The mean of the numbers in a box, in a box. Whatever does not open raises, and tells the host nothing."""
    box = Box(_key, owner, owner)
    numbers = json.loads(box.question.decrypt(ONCE, question, None))
    return box.answer.encrypt(ONCE, json.dumps(fmean(numbers)).encode(), None)


# -- outside ----------------------------------------------------------------------------------------------


def reply(message: dict[str, str]) -> dict[str, str]:
    """What the enclave says to one message of the owner."""
    if "nonce" in message:
        proof = gosecure(prove, bytes.fromhex(message["nonce"])).result()
        return {"key": proof.key.hex(), "quote": proof.quote.hex(), "collateral": proof.collateral}
    owner, question = bytes.fromhex(message["owner"]), bytes.fromhex(message["question"])
    return {"answer": gosecure(mean, owner, question).result().hex()}


def serve(lines: BufferedRWPair) -> None:
    """Answer one owner until it goes."""
    while line := lines.readline(LONGEST):
        try:
            said = reply(json.loads(line))
        except (SecuredRoutineError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = {"error": f"{type(error).__name__}: the enclave could not use this message"}
        lines.write(json.dumps(said).encode() + b"\n")
        lines.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="The mean of numbers that the operator does not see.")
    parser.add_argument("--port", type=int, default=0, help="where to listen on this machine (default: any free port)")
    with socket.create_server(("127.0.0.1", parser.parse_args().port)) as server:
        print(f"listening on 127.0.0.1:{server.getsockname()[1]}", flush=True)
        while True:
            connection, _ = server.accept()
            try:
                with connection, connection.makefile("rwb") as lines:
                    serve(lines)
            except OSError as error:  # an owner that went away is no reason to end
                print(f"an owner went away: {error.strerror}", flush=True)


if __name__ == "__main__":
    main()
