"""`os.environ` inside: the variables that the policy names, as the host gave them at the start. Enclave world.

`outside` installs it. What trusted code sets stays inside.
"""

from __future__ import annotations

import os

from gotee.boundary.ocalls import MOST_VALUE, Ocall, encode
from gotee.boundary.policy import Policy
from gotee.enclave.callers import library_asks
from gotee.enclave.ocalls import Ocalls, decoder
from gotee.errors import OcallRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    _Environ = os._Environ[Any]
else:
    _Environ = os._Environ

_values = decoder(lambda: dict[str, bytes])
_policy = Policy({})


class Environment(_Environ):
    """os.environ and os.environb. A variable that the policy does not name is refused to the program, and absent for
    packages.
    """

    def __getitem__(self, name: Any) -> Any:
        try:
            return super().__getitem__(name)
        except KeyError:
            text = os.fsdecode(name) if isinstance(name, str | bytes) else ""
            if text and text not in _policy.env and not library_asks(packages=True):
                line = _policy.env_line(text)
                raise OcallRefused(f"reading the environment variable {text} is not allowed", line) from None
            raise


def install(ocalls: Ocalls, policy: Policy) -> None:
    """Fill os.environ, the same object for all who hold it, with what the policy names and the host has."""
    global _policy
    _policy = policy
    os.environ.clear()
    if policy.env:
        found = ocalls.ask(Ocall.ENVIRONMENT, encode((policy.env,)), lambda payload: _checked(payload, policy))
        os.environ.update(found)
    os.environ.__class__ = os.environb.__class__ = Environment


def _checked(payload: bytes, policy: Policy) -> dict[str, str]:
    values = _values(payload)
    for name, value in values.items():
        if name not in policy.env or len(value) > MOST_VALUE or b"\0" in value:
            raise ValueError(f"the variable {name!r} was not asked for, or has no value that one can have")
    return {name: os.fsdecode(value) for name, value in values.items()}
