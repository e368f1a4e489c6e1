"""Channels between a program and its enclave: every direction, every end, everything that holds a channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import lines_of


def test_values_go_in_and_out_in_order_through_any_buffer(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            """
        def double(numbers: Chan[int], doubled: Chan[int]) -> None:
            for number in numbers:
                doubled.send(2 * number)
            doubled.close()

        def feed(numbers: Chan[int]) -> None:
            for number in range(50):
                numbers.send(number)
            numbers.close()

        def main() -> None:
            for capacity in (0, 1, 7, 100):
                numbers, doubled = Chan[int](capacity), Chan[int](capacity)
                gosecure(double, numbers, doubled)
                go(feed, numbers)
                print(list(doubled) == [2 * n for n in range(50)])
        """,
        )
        == ["True"] * 4
    )


def test_takers_of_both_worlds_get_each_value_of_a_buffer_once_and_in_order(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def drain(numbers: Chan[int]) -> list[int]:
            return list(numbers)

        def main() -> None:
            numbers, outside = Chan[int](64), []
            inside = [gosecure(drain, numbers) for _ in range(2)]
            taker = go(outside.extend, numbers)
            for number in range(3000):
                numbers.send(number)
            numbers.close()
            taker.result()
            parts = [outside, *(routine.result() for routine in inside)]
            print(sorted(sum(parts, [])) == list(range(3000)), all(part == sorted(part) for part in parts))
        """,
    ) == ["True True"]


def test_two_secured_routines_talk_through_a_crossing_channel(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def feed(numbers: Chan[int]) -> None:
            for number in range(100):
                numbers.send(number)
            numbers.close()

        def total(numbers: Chan[int]) -> int:
            return sum(numbers)

        def main() -> None:
            for capacity in (0, 5):
                numbers = Chan[int](capacity)
                summed = gosecure(total, numbers)
                gosecure(feed, numbers)
                print(summed.result())
        """,
    ) == ["4950", "4950"]


def test_an_unbuffered_send_inside_returns_only_when_its_receiver_came(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def send(channel: Chan[int], told: Chan[str]) -> None:
            channel.send(1)
            told.send("sent")

        def main() -> None:
            channel, told = Chan[int](), Chan[str](1)
            gosecure(send, channel, told)
            sleep(0.05)
            print(len(told), len(channel))
            print(channel.recv(), told.recv())
        """,
    ) == ["0 0", "1 sent"]


def test_close_from_outside_ends_what_waits_inside(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            """
        def iterate(channel: Chan[int]) -> list[int]:
            return list(channel)

        def receive(channel: Chan[int]) -> str:
            try:
                channel.recv()
            except ChannelClosed:
                return "closed"
            return "value"

        def receive_ok(channel: Chan[int]) -> tuple[int | None, bool]:
            return channel.recv_ok()

        def chosen(channel: Chan[int]) -> tuple[int, int | None, bool]:
            selected = select(Recv(None), Recv(channel))
            return selected.index, selected.value, selected.ok

        def main() -> None:
            for wait in (0.02, 0):
                channel = Chan[int]()
                routines = [gosecure(iterate, channel), gosecure(receive, channel)]
                routines += [gosecure(receive_ok, channel), gosecure(chosen, channel)]
                sleep(wait)
                channel.close()
                print([routine.result() for routine in routines])
        """,
        )
        == ["[[], 'closed', (None, False), (1, None, False)]"] * 2
    )


def test_close_from_inside_ends_what_waits_outside_and_inside(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def close(channel: Chan[int]) -> str:
            channel.close()
            try:
                channel.close()
            except ChannelClosed:
                return "twice"
            return "once"

        def send(channel: Chan[int]) -> str:
            try:
                channel.send(1)
            except ChannelClosed:
                return "closed"
            return "sent"

        def receive(channel: Chan[int]) -> tuple[int | None, bool]:
            return channel.recv_ok()

        def main() -> None:
            full = Chan[int]()
            senders = [go(send, full), gosecure(send, full)]
            sleep(0.02)
            print(gosecure(close, full).result(), [sender.result() for sender in senders])
            empty = Chan[int]()
            receivers = [go(receive, empty), gosecure(receive, empty)]
            sleep(0.02)
            print(gosecure(close, empty).result(), [receiver.result() for receiver in receivers])
            print(send(empty), gosecure(send, empty).result())
        """,
    ) == ["twice ['closed', 'closed']", "twice [(None, False), (None, False)]", "closed closed"]


def test_values_buffered_before_the_crossing_and_before_the_close_arrive(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def take(channel: Chan[str]) -> list[str]:
            return list(channel)

        def fill(channel: Chan[str]) -> None:
            for word in ("x", "y"):
                channel.send(word)
            channel.close()

        def main() -> None:
            channel = Chan[str](3)
            for word in ("a", "b", "c"):
                channel.send(word)
            channel.close()
            print(gosecure(take, channel).result())
            channel = Chan[str](3)
            channel.send("a")
            gosecure(fill, channel).result()
            print(len(channel), list(channel))
        """,
    ) == ["['a', 'b', 'c']", "3 ['a', 'x', 'y']"]


def test_crossing_a_channel_whose_buffer_cannot_cross_is_refused_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def take(channel: Chan) -> object:
            return channel.recv()

        def main() -> None:
            channel = Chan(2)
            channel.send(1)
            channel.send(print)
            try:
                gosecure(take, channel)
            except BoundaryTypeError:
                print("refused", len(channel))
            print(channel.recv(), channel.recv() is print, gosecure(len_of, channel).result())

        def len_of(channel: Chan) -> int:
            return len(channel)
        """,
    ) == ["refused 2", "1 True 0"]


def test_length_is_the_same_on_both_sides(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def seen(channel: Chan[int]) -> tuple[int, bool]:
            return len(channel), bool(channel)

        def put(channel: Chan[int]) -> None:
            channel.send(1)

        def main() -> None:
            channel = Chan[int](3)
            print(gosecure(seen, channel).result())
            channel.send(1)
            gosecure(put, channel).result()
            print(len(channel), gosecure(seen, channel).result())
        """,
    ) == ["(0, True)", "2 (2, True)"]


def test_capacity_is_the_same_on_both_sides(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def seen(channel: Chan[int]) -> int:
            return channel.capacity

        def main() -> None:
            print(gosecure(seen, Chan[int](3)).result())
        """,
    ) == ["3"]


def test_channels_cross_in_channels_and_in_values(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        @dataclass
        class Request:
            number: int
            reply: Chan[int]

        def serve(requests: Chan[Request]) -> int:
            served = 0
            for request in requests:
                request.reply.send(request.number ** 2)
                served += 1
            return served

        def pick(channels: Chan[Chan[str]]) -> None:
            first = channels.recv()
            second = channels.recv()
            first.send("first")
            second.send("second" if first is not second else "the same")

        def give_back(named: dict[str, Chan[int]]) -> list[Chan[int]]:
            return [named["b"], named["a"]]

        def pass_on(source: Chan[Chan[int]], target: Chan[Chan[int]]) -> None:
            target.send(source.recv())

        def main() -> None:
            requests = Chan[Request]()
            server = gosecure(serve, requests)
            answers = []
            for number in range(20):
                reply = Chan[int]()
                requests.send(Request(number, reply))
                answers.append(reply.recv())
            requests.close()
            print(answers == [n * n for n in range(20)], server.result())
            channels, one = Chan[Chan[str]](), Chan[str](2)
            gosecure(pick, channels)
            channels.send(one)
            channels.send(one)
            print(one.recv(), one.recv())
            a, b = Chan[int](), Chan[int]()
            back = gosecure(give_back, {"a": a, "b": b}).result()
            print(back[0] is b, back[1] is a)
            source, target = Chan[Chan[int]](), Chan[Chan[int]](1)
            gosecure(pass_on, source, target)
            source.send(a)
            print(target.recv() is a)
        """,
    ) == ["True 20", "first the same", "True True", "True"]


def test_a_value_may_name_a_channel_many_times(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            """
        def same(channels: list[Chan[int]]) -> bool:
            return all(channel is channels[0] for channel in channels)

        def main() -> None:
            channel = Chan[int](1)
            for _ in range(20):  # handles are given back as they were counted
                print(gosecure(same, [channel] * 4).result())
        """,
        )
        == ["True"] * 20
    )


@pytest.mark.parametrize("way", ["result", "send", "select", "nested"])
def test_a_channel_made_inside_never_leaves(tmp_path: Path, way: str) -> None:
    assert lines_of(
        tmp_path,
        """
        def leak(way: str, out: Chan[Chan[int]], nested: Chan[list[Chan[int]]]) -> object:
            mine = Chan[int](1)
            mine.send(1)
            try:
                if way == "send":
                    out.send(mine)
                elif way == "select":
                    select(Send(out, mine))
                elif way == "nested":
                    nested.send([out_again, mine])
            except BoundaryTypeError:
                return ["refused", mine.recv()]
            return mine

        def leak_all(way: str, out: Chan[Chan[int]], nested: Chan[list[Chan[int]]], other: Chan[int]) -> object:
            global out_again
            out_again = other
            return leak(way, out, nested)

        def main() -> None:
            out, nested, other = Chan[Chan[int]](1), Chan[list[Chan[int]]](1), Chan[int](1)
            try:
                print(gosecure(leak_all, "WAY", out, nested, other).result())
            except BoundaryTypeError as error:
                print("cannot leave" in str(error))
            print(len(out), len(nested))
        """.replace("WAY", way),
    ) == ["True" if way == "result" else "['refused', 1]", "0 0"]


def test_a_channel_that_may_not_leave_is_named_with_its_path(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def leak() -> dict[str, Chan[int]]:
            return {"k": Chan[int]()}

        def main() -> None:
            try:
                gosecure(leak).result()
            except BoundaryTypeError as error:
                print(error.path)
        """,
    ) == ["result['k']"]


def test_a_wrong_value_is_refused_at_send_on_either_side(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def send_wrong(channel: Chan[int]) -> str:
            for send in (lambda: channel.send("x"), lambda: select(Send(channel, "x"))):
                try:
                    send()
                except BoundaryTypeError as error:
                    refused = str(error)
            return refused

        def send_any(channel: Chan) -> str:
            try:
                channel.send("x")
            except BoundaryTypeError as error:
                return str(error)
            return "sent"

        def main() -> None:
            channel = Chan[int](1)
            print(gosecure(send_wrong, channel).result())
            try:
                channel.send("x")
            except BoundaryTypeError as error:
                print(error)
            try:
                channel.send(print)
            except BoundaryTypeError as error:
                print("refused")
            print(len(channel))
        """,
    ) == ["Expected int, got str", "Expected int, got str", "refused", "0"]


def test_the_receiving_world_checks_a_value_against_the_channel_that_it_made(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def send(channel: Chan) -> str:
            outcomes = []
            for value in ("x", 5):
                try:
                    channel.send(value)
                except BoundaryTypeError:
                    outcomes.append("refused")
                else:
                    outcomes.append("sent")
            return " ".join(outcomes)

        def main() -> None:
            channel = Chan[int](1)
            print(gosecure(send, channel).result(), channel.recv())
        """,
    ) == ["refused sent 5"]


def test_receivers_outside_get_copies_from_a_channel_that_crossed(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def touch(channel: Chan[list[int]]) -> None:
            pass

        def main() -> None:
            channel = Chan[list[int]](1)
            value = [1]
            gosecure(touch, channel).result()
            channel.send(value)
            value.append(2)
            print(channel.recv())
        """,
    ) == ["[1]"]


def test_a_reply_channel_for_every_request(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def reply(channel: Chan[int], value: int) -> None:
            channel.send(value)

        def handles() -> int:
            import gc
            gc.collect()
            return sum(isinstance(each, Chan) for each in gc.get_objects())  # gotee: include=main:handles

        def main() -> None:
            for n in range(500):
                channel = Chan[int]()
                gosecure(reply, channel, n)
                assert channel.recv() == n
            print(gosecure(handles).result())
        """,
    ) == ["0"]


def test_a_big_value_crosses_through_channels_of_both_directions(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def mirror(there: Chan[bytes], back: Chan[bytes]) -> None:
            for data in there:
                back.send(data)
            back.close()

        def feed(there: Chan[bytes]) -> None:
            for _ in range(3):
                there.send(bytes(3_000_000))
            there.close()

        def main() -> None:
            there, back = Chan[bytes](), Chan[bytes]()
            gosecure(mirror, there, back)
            go(feed, there)
            print([len(data) for data in back])
        """,
    ) == ["[3000000, 3000000, 3000000]"]


def test_bytes_of_any_size_arrive_equal_in_both_directions_and_through_select(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            """
        from gotee import Recv, Send, select

        SIZES = [n + d for n in (1 << 16, 1 << 18, 1 << 20) for d in (-30, -22, -5, -1, 0, 1)] + [0, 3 << 20]

        def back(there: Chan[bytes], here: Chan[bytes], maybe: Chan[bytes | None]) -> None:
            for _ in SIZES:
                value = there.recv()
                here.send(value)
                select(Send(maybe, select(Recv(there)).value))

        def main() -> None:
            for capacity in (0, 3):
                there, here, maybe = Chan[bytes](capacity), Chan[bytes](capacity), Chan[bytes | None](capacity)
                gosecure(back, there, here, maybe)
                wrong = []
                for size in SIZES:
                    value = bytes([size % 251]) * size
                    there.send(value)
                    wrong_back = here.recv() != value
                    there.send(value)
                    if wrong_back or select(Recv(maybe)).value != value:
                        wrong.append(size)
                print(wrong)
        """,
        )
        == ["[]"] * 2
    )
