"""What a channel's annotation says on one side and on the other: values arrive equal, or somebody is told."""

from __future__ import annotations

from pathlib import Path

from .program import lines_of


def test_values_arrive_equal_however_the_two_sides_spell_the_type(tmp_path: Path) -> None:
    """Unions and Literals are numbered on the link: in an order of the type, not of its spelling."""
    assert lines_of(
        tmp_path,
        """
        from typing import List, Literal

        THERE = List[Literal["b", "a"]]  # typing gives out this one for the other order, too
        BACK = List[Literal["a", "b"]]

        def literal(channel: Chan[Literal["b", "a"]]) -> str:
            return repr(channel.recv())

        def union(channel: Chan[str | bytes]) -> str:
            return repr([channel.recv(), channel.recv()])

        def listed(values: BACK, channel: Chan[BACK]) -> THERE:
            channel.send(values)
            return values

        def main() -> None:
            channel = Chan[Literal["a", "b"]](1)
            channel.send("a")
            print(gosecure(literal, channel).result())
            both = Chan[bytes | str](2)
            both.send("\\ud800")
            both.send(b"x")
            print(gosecure(union, both).result())
            lists = Chan[List[Literal["b", "a"]]](1)
            print(gosecure(listed, ["a", "b"], lists).result(), lists.recv())
        """,
    ) == ["'a'", "['\\ud800', b'x']", "['a', 'b'] ['a', 'b']"]


def test_a_channel_without_a_type_takes_that_of_the_place_where_it_crosses(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        @dataclass
        class Item:
            name: str

        def typed(items: Chan[list[Item]], back: Chan[tuple[int, ...]]) -> None:
            back.send(tuple(len(item.name) for item in items.recv()))

        def untyped(numbers: Chan, back) -> None:
            back.send(numbers.recv() + (1,))

        def wrong(back) -> str:
            try:
                back.send("x")
            except BoundaryTypeError as error:
                return str(error)
            return "sent"

        def main() -> None:
            items, back = Chan(1), Chan(1)
            items.send([Item("ab")])
            gosecure(typed, items, back)
            print(back.recv())
            try:
                items.send([1])
            except BoundaryTypeError as error:
                print(error)
            numbers, back = Chan[tuple[int, ...]](1), Chan[tuple[int, ...]](1)
            numbers.send((7,))
            gosecure(untyped, numbers, back)
            print(back.recv())
            print(gosecure(wrong, back).result())
        """,
    ) == ["(2,)", "Expected Item, got int - at [0]", "(7, 1)", "Expected tuple, got str"]


def test_channels_of_other_types_and_of_two_forms_are_refused_at_the_caller(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        from typing import Literal

        def one(channel: Chan[Literal[True]]) -> None: ...
        def numbers(channel: Chan[int]) -> None: ...
        def anything(more: list[Chan]) -> None: ...

        def refused(*call) -> None:
            try:
                gosecure(*call).result()
            except BoundaryTypeError as error:
                print(error)

        def main() -> None:
            refused(one, Chan[Literal[1]]())
            channel = Chan[int]()
            gosecure(numbers, channel).result()
            refused(anything, [channel])
            gosecure(numbers, channel).result()

        if False:
            gosecure(one), gosecure(anything)
        """,
    ) == [
        "Expected Chan[Literal[True]], got Chan[Literal[1]] - at args[0]",
        "Chan[int]#2 crossed as Chan[int] before, so it cannot cross as Chan: annotate it the same in both places "
        "- at args[0][0]",
    ]


def test_names_in_the_types_of_channels_mean_what_they_mean_where_they_are_written(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import other

        @dataclass
        class Item:
            name: str

        def both(mine: Chan[list["Item"]], theirs: other.Ask) -> str:
            return f"{mine.recv()} {theirs.reply.recv()}"

        def main() -> None:
            mine, theirs = Chan[list[Item]](1), Chan[list[other.Item]](1)
            mine.send([Item("a")])
            theirs.send([other.Item(1)])
            print(gosecure(both, mine, other.Ask(theirs)).result())
        """,
        {
            "other.py": """
            from dataclasses import dataclass
            from gotee import Chan

            @dataclass
            class Ask:
                reply: "Chan[list['Item']]"

            @dataclass
            class Item:
                number: int
            """
        },
    ) == ["[Item(name='a')] [Item(number=1)]"]


def test_handles_in_a_value_that_cannot_be_built_inside_are_released(tmp_path: Path) -> None:
    """The host keeps a channel as long as the enclave may name it: a refused value must not keep it for ever."""
    assert lines_of(
        tmp_path,
        """
        import gc, weakref
        from gotee.boundary.types import register_type

        class Odd:
            pass

        def refuse(plain: int) -> Odd:
            raise ValueError("odd")

        register_type(Odd, lambda odd: 1, refuse, int)

        def take(odd: Odd, channel: Chan[int], more: list[Chan[int]]) -> None: ...

        def receive(values: Chan[tuple[Odd, Chan[int]]]) -> str:
            try:
                values.recv()
            except BoundaryTypeError as error:
                return str(error)
            return "received"

        def nothing() -> None: ...

        def main() -> None:
            channels = [Chan[int]() for _ in range(3)]
            kept = [weakref.ref(channel) for channel in channels]
            try:
                gosecure(take, Odd(), channels[0], channels[:2]).result()
            except BoundaryTypeError as error:
                print(error)
            values = Chan[tuple[Odd, Chan[int]]](1)
            values.send((Odd(), channels[2]))
            print(gosecure(receive, values).result())
            del channels
            for _ in range(3):
                gosecure(nothing).result()
                gc.collect()
            print([channel() for channel in kept])
        """,
    ) == [
        "Odd refuses its plain form: odd - at args[0]",
        "Odd refuses its plain form: odd - at [0]",
        "[None, None, None]",
    ]
