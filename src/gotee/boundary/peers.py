"""Which peers the policy's network rules allow. Both worlds, the same code: the enclave decides, the host asks again.

A rule with a name allows the addresses that were resolved for that name; a rule with a block looks at the address.
"""

from __future__ import annotations

from _socket import SOCK_DGRAM, SOCK_STREAM
from collections.abc import Iterable

from gotee.boundary.network import Address, packed
from gotee.boundary.network_rules import NetworkRule

MOST_BOUND = 10_000  # addresses that are remembered for names
PROTOCOLS = {SOCK_STREAM: "tcp", SOCK_DGRAM: "udp"}


class Peers:
    """The network rules of a policy, and which addresses belong to which of their names."""

    def __init__(self, rules: Iterable[NetworkRule]) -> None:
        self._rules = tuple(rules)
        self._bound: dict[bytes, set[str]] = {}  # by the bytes of an address

    def allows(self, direction: str, kind: int, address: Address) -> bool:
        """Whether a rule allows this address and port; `direction` is connect or listen."""
        protocol = PROTOCOLS.get(kind)
        names = self.names_of(address)
        return any(
            rule.direction == direction
            and rule.protocol == protocol
            and rule.first <= address.port <= rule.last
            and (rule.host == "*" or any(_names(rule.host, name) for name in names) or _within(rule, address))
            for rule in self._rules
        )

    def may_resolve(self, name: str) -> bool:
        """Whether a name may be asked for: a rule names it, or has a block that its addresses may lie in."""
        return any(rule.host == "*" or _names(rule.host, name) or _is_block(rule) for rule in self._rules)

    def bind(self, name: str, address: Address) -> None:
        """A name was resolved to this address."""
        if len(self._bound) >= MOST_BOUND:
            self._bound.clear()  # names are asked for again before they are used
        self._bound.setdefault(packed(address.family, address.host), set()).add(name)

    def names_of(self, address: Address) -> set[str]:
        """The names that were resolved to this address."""
        return self._bound.get(packed(address.family, address.host), set())


def canonical(name: str) -> str:
    """Names in one form, as rules have them."""
    return name.lower().rstrip(".")


def _names(pattern: str, name: str) -> bool:
    """Whether a rule's host names this name; `*.example.com` names everything below."""
    return pattern == name or (pattern.startswith("*.") and name.endswith(pattern[1:]) and len(name) >= len(pattern))


def _is_block(rule: NetworkRule) -> bool:
    """More than one address: who lists a single one names it so in the program, too."""
    block = rule.block
    return block is not None and block.num_addresses > 1


def _within(rule: NetworkRule, address: Address) -> bool:
    block = rule.block
    if block is None:
        return False
    import ipaddress

    return ipaddress.ip_address(address.host.partition("%")[0]) in block
