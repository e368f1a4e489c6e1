"""The sleeping of the two sides of a ring, searched exhaustively, store buffers (x86-TSO) included.

Both sides run the same little program at the same time: send one frame (store the tail, fence, read the peer's sleep
word, perhaps ring its bell), then receive one (look; else store the own sleep word, fence, look again, sleep until
the bell; awake, clear the word and look again). A store goes into the side's own buffer and reaches memory at any
later moment; a fence and an exchange wait for the empty buffer. There is no backstop here: a lost wake-up is a state
in which both sides can do nothing more, and one of them has not finished.
"""

from __future__ import annotations

import pytest

# One step of a side's program: (operation, variable or target, value or None). `{me}` and `{you}` are the sides.
SEND = [
    ("store", "tail{me}", 1),
    ("fence?send", None, None),
    ("load", "sleep{you}", None),
    ("jump-if-zero", "sent", None),
    ("exchange", "sleep{you}", 0),
    ("jump-if-zero", "sent", None),
    ("ring", "bell{you}", None),
    ("label", "sent", None),
]
RECEIVE = [
    ("label", "look", None),
    ("load", "tail{you}", None),
    ("jump-if-nonzero", "done", None),
    ("store", "sleep{me}", 1),
    ("fence?sleep", None, None),
    ("load", "tail{you}", None),
    ("jump-if-nonzero", "awake", None),
    ("sleep", "bell{me}", None),
    ("label", "awake", None),
    ("store", "sleep{me}", 0),
    ("jump", "look", None),
    ("label", "done", None),
]


def program(me, parts, fences):
    steps = []
    for operation, name, value in parts:
        if operation.startswith("fence?"):
            if operation.removeprefix("fence?") in fences:
                steps.append(("fence", None, None))
        else:
            steps.append((operation, name and name.format(me=me, you=1 - me), value))
    labels = {name: place for place, (operation, name, _) in enumerate(steps) if operation == "label"}
    return [(op, labels[name] if op.startswith("jump") else name, value) for op, name, value in steps]


def seen(buffer, memory, name):
    """What a side loads: its own latest store, if that has not reached memory yet."""
    for stored, value in reversed(buffer):
        if stored == name:
            return value
    return memory.get(name, 0)


def successors(state, programs):
    """Every state one step on. A state is (memory, for each side: place in the program, register, store buffer)."""
    frozen, sides = state
    memory = dict(frozen)

    def after(side, changed=memory, **update):
        place, register, buffer = sides[side]
        new = (update.get("place", place + 1), update.get("register", register), update.get("buffer", buffer))
        return (tuple(sorted(changed.items())), (new, sides[1]) if side == 0 else (sides[0], new))

    for side, (place, register, buffer) in enumerate(sides):
        if buffer:
            (name, value), rest = buffer[0], buffer[1:]
            yield after(side, {**memory, name: value}, place=place, buffer=rest)
        if place == len(programs[side]):
            continue
        operation, name, value = programs[side][place]
        if operation == "store":
            yield after(side, buffer=(*buffer, (name, value)))
        elif operation == "load":
            yield after(side, register=seen(buffer, memory, name))
        elif operation == "jump":
            yield after(side, place=name)
        elif operation in ("jump-if-zero", "jump-if-nonzero"):
            taken = (register == 0) == (operation == "jump-if-zero")
            yield after(side, place=name if taken else place + 1)
        elif operation == "label" or (operation == "fence" and not buffer):
            yield after(side)
        elif operation == "exchange" and not buffer:
            yield after(side, {**memory, name: value}, register=memory.get(name, 0))
        elif operation == "ring" and not buffer:  # a system call
            yield after(side, {**memory, name: 1})
        elif operation == "sleep" and not buffer and memory.get(name, 0):
            yield after(side, {**memory, name: 0})


def lost_wake_ups(fences, parts):
    """All states without a next step in which a side has not finished, and how many states there are."""
    programs = [program(side, parts[side], fences) for side in range(2)]
    start = ((), ((0, 0, ()), (0, 0, ())))
    known, todo, lost = {start}, [start], []
    while todo:
        state = todo.pop()
        following = list(successors(state, programs))
        if not following and any(place < len(programs[n]) for n, (place, _, _) in enumerate(state[1])):
            lost.append(state)
        for each in following:
            if each not in known:
                known.add(each)
                todo.append(each)
    return lost, len(known)


BOTH_SEND_THEN_RECEIVE = (SEND + RECEIVE, SEND + RECEIVE)
ONE_SENDS_THE_OTHER_RECEIVES = (SEND, RECEIVE)
# The side that made room (its `tail` is the head here) then sleeps itself, which is how a full ring drains.
ONE_SENDS_THEN_WAITS_FOR_THE_ANSWER = (SEND + RECEIVE, RECEIVE + SEND)
SHAPES = [BOTH_SEND_THEN_RECEIVE, ONE_SENDS_THE_OTHER_RECEIVES, ONE_SENDS_THEN_WAITS_FOR_THE_ANSWER]


@pytest.mark.parametrize("parts", SHAPES)
def test_with_both_fences_no_wake_up_is_lost(parts):
    lost, states = lost_wake_ups({"send", "sleep"}, parts)
    assert states > 20
    assert lost == []


@pytest.mark.parametrize("fences", [{"send"}, {"sleep"}, set()])
def test_without_either_fence_a_wake_up_is_lost(fences):
    lost, _ = lost_wake_ups(fences, ONE_SENDS_THE_OTHER_RECEIVES)
    assert lost
