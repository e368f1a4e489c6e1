"""Handles of crossed channels: RELEASE(ch, times), and why it says how often.

Test world only. One channel. The host's table entry counts how often the handle went in. The enclave's proxy counts
how often it came, uses it, and when it is dropped releases exactly that count. The entry is freed at zero; a handle
id is never used again, so a later crossing makes a new entry under a new id. A value that the enclave cannot build
names its handles all the same: those are released, once each, by themselves.
"""

from __future__ import annotations

from typing import NamedTuple

from .search import trace, visit

Message = tuple[str, int, int]  # name, handle id, times


class State(NamedTuple):
    crossings_left: int
    uses_left: int
    entry: int | None = None  # the live handle id
    count: int = 0
    next_id: int = 0
    proxies: tuple[tuple[int, int], ...] = ()  # handle id, times received
    to_host: tuple[Message, ...] = ()
    to_enclave: tuple[Message, ...] = ()
    error: str = ""


def cross(s: State) -> State:
    """Host: the handle goes in once more. The count rises when the frame goes on the link, not when it arrives."""
    if s.entry is None:
        s = s._replace(entry=s.next_id, next_id=s.next_id + 1, count=0)
    assert s.entry is not None
    message = ("HANDLE", s.entry, 1)
    return s._replace(count=s.count + 1, crossings_left=s.crossings_left - 1, to_enclave=(*s.to_enclave, message))


def host_gets(s: State, mutant: str) -> State:
    (kind, handle, times), rest = s.to_host[0], s.to_host[1:]
    s = s._replace(to_host=rest)
    if handle != s.entry:
        return s._replace(error=f"{kind} of a handle that was freed")
    if kind == "USE":
        return s
    left = 0 if mutant == "release_frees" else s.count - (1 if mutant == "release_counts_one" else times)
    return s._replace(entry=None if left <= 0 else s.entry, count=max(left, 0))


def enclave_gets(s: State) -> State:
    (_, handle, times), rest = s.to_enclave[0], s.to_enclave[1:]
    held = dict(s.proxies)
    held[handle] = held.get(handle, 0) + times
    return s._replace(to_enclave=rest, proxies=tuple(sorted(held.items())))


def enclave_refuses(s: State, mutant: str) -> State:
    """Enclave: the value with the handle cannot be built. No proxy comes of it, whether there is one already or not."""
    (_, handle, times), rest = s.to_enclave[0], s.to_enclave[1:]
    s = s._replace(to_enclave=rest)
    if mutant == "refused_are_forgotten":
        return s
    count = times + (dict(s.proxies).get(handle, 0) if mutant == "refused_release_the_proxy_too" else 0)
    return s._replace(to_host=(*s.to_host, ("RELEASE", handle, count)))


def use(s: State, handle: int) -> State:
    """Enclave: an operation on the channel, or its handle in an OFFER: either way the host must still know it."""
    return s._replace(uses_left=s.uses_left - 1, to_host=(*s.to_host, ("USE", handle, 0)))


def drop(s: State, handle: int) -> State:
    """Enclave: no object refers to the proxy any more, no operation of it is outstanding."""
    held = dict(s.proxies)
    message = ("RELEASE", handle, held.pop(handle))
    return s._replace(proxies=tuple(sorted(held.items())), to_host=(*s.to_host, message))


def successors(s: State, mutant: str) -> list[tuple[str, State]]:
    if s.error:
        return []
    found = []
    if s.crossings_left:
        found.append(("host sends the handle in", cross(s)))
    if s.to_host:
        found.append((f"host gets {s.to_host[0]}", host_gets(s, mutant)))
    if s.to_enclave:
        found.append((f"enclave gets {s.to_enclave[0]}", enclave_gets(s)))
        found.append((f"enclave refuses {s.to_enclave[0]}", enclave_refuses(s, mutant)))
    for handle, _ in s.proxies:
        found.append((f"enclave drops {handle}", drop(s, handle)))
        if s.uses_left:
            found.append((f"enclave uses {handle}", use(s, handle)))
    return found


def check(crossings: int, uses: int, mutant: str = "") -> list[str]:
    """The first violation, with its trace: a use of a freed handle, or an entry left when nobody has it."""
    for state, following, tree in visit(State(crossings, uses), lambda s: successors(s, mutant)):
        wrong = state.error
        if not wrong and not following and state.entry is not None:
            wrong = "leak: the entry is never freed"
        if wrong:
            return [wrong, *trace(state, tree)]
    return []
