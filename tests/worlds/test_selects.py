"""select inside: over crossing channels, over trusted ones, and over both at once."""

from __future__ import annotations

from pathlib import Path

from .program import lines_of

CHANNELS = """
        def channels(kind: str, crossing: list[Chan[int]]) -> list[Chan[int]]:
            \"\"\"Two channels: both crossing, both trusted, or one of each.\"\"\"
            if kind == "crossing":
                return crossing
            if kind == "trusted":
                return [Chan[int](1), Chan[int](1)]
            return [crossing[0], Chan[int](1)]

        KINDS = ("crossing", "trusted", "mixed")
"""


def test_default_is_chosen_only_if_nothing_is_ready(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            CHANNELS
            + """
        def attempt(kind: str, crossing: list[Chan[int]]) -> list[object]:
            a, b = channels(kind, crossing)
            outcomes: list[object] = [select(Recv(a), Recv(b), default=True).index]
            outcomes.append(sorted(select(Send(a, 1), Send(b, 2), default=True).index for _ in range(3)))
            outcomes.append(sorted(select(Recv(a), Recv(b), default=True).value or 0 for _ in range(3)))
            return outcomes

        def main() -> None:
            for kind in KINDS:
                print(gosecure(attempt, kind, [Chan[int](1), Chan[int](1)]).result())
        """,
        )
        == ["[-1, [-1, 0, 1], [0, 1, 2]]"] * 3
    )


def test_a_timeout_ends_a_select_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            CHANNELS
            + """
        def attempt(kind: str, crossing: list[Chan[int]]) -> list[str]:
            a, b = channels(kind, crossing)
            outcomes = []
            for timeout in (0, 0.01):
                try:
                    select(Recv(a), Recv(b), timeout=timeout)
                except TimeoutError:
                    outcomes.append("timeout")
            a.send(1)
            outcomes.append(f"{len(a)} {select(Recv(a), Recv(b), timeout=5).value}")
            return outcomes

        def main() -> None:
            for kind in KINDS:
                print(gosecure(attempt, kind, [Chan[int](1), Chan[int](1)]).result())
        """,
        )
        == ["['timeout', 'timeout', '1 1']"] * 3
    )


def test_a_select_that_waits_is_woken_from_either_world(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def send(channel: Chan[int], value: int) -> None:
            channel.send(value)

        def later(channel: Chan[int], value: int) -> None:
            sleep(0.01)
            channel.send(value)

        def wait(crossing: Chan[int], ready: Chan[bool], own: bool) -> tuple[int, int]:
            trusted = Chan[int]()
            if own:
                go(later, trusted, 7)
            ready.send(True)
            selected = select(Recv(crossing), Recv(trusted))
            return selected.index, selected.value

        def main() -> None:
            for own in (False, True):
                crossing, ready = Chan[int](), Chan[bool]()
                waiting = gosecure(wait, crossing, ready, own)
                ready.recv()
                if not own:
                    crossing.send(5)
                print(waiting.result(), select(Send(crossing, 0), default=True).index)
        """,
    ) == ["(0, 5) -1", "(1, 7) -1"]


def test_a_select_with_sends_and_receives_of_both_worlds_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            """
        COUNT = 200

        def trusted_sender(channel: Chan[int]) -> None:
            for n in range(COUNT):
                channel.send(1_000 + n)
            channel.close()

        def merge(crossing: Chan[int], out: Chan[int]) -> None:
            trusted = Chan[int]()
            go(trusted_sender, trusted)
            sources: list[Chan[int] | None] = [crossing, trusted]
            pending: list[int] = []
            while pending or any(source is not None for source in sources):
                cases = [Recv(source) for source in sources]
                cases.append(Send(out if pending else None, pending[0] if pending else 0))
                selected = select(*cases)
                if selected.index == 2:
                    pending.pop(0)
                elif selected.ok:
                    pending.append(selected.value)
                else:
                    sources[selected.index] = None
            out.close()

        def feed(channel: Chan[int]) -> None:
            for n in range(COUNT):
                channel.send(n)
            channel.close()

        def main() -> None:
            for capacity in (0, 3):
                crossing, out = Chan[int](capacity), Chan[int](capacity)
                gosecure(merge, crossing, out)
                go(feed, crossing)
                merged = list(out)
                print([n for n in merged if n < 1_000] == list(range(COUNT)),
                      [n for n in merged if n >= 1_000] == list(range(1_000, 1_000 + COUNT)))
        """,
        )
        == ["True True"] * 2
    )


def test_two_mixed_selects_inside_meet_on_their_trusted_channel(tmp_path: Path) -> None:
    assert (
        lines_of(
            tmp_path,
            """
        def side(crossing: Chan[int], trusted: Chan[int], sends: bool, count: int) -> int:
            met = 0
            for n in range(count):
                selected = select(Recv(crossing), Send(trusted, n) if sends else Recv(trusted))
                met += selected.index == 1
            return met

        def both(x: Chan[int], y: Chan[int]) -> tuple[int, int]:
            trusted = Chan[int]()
            routines = [go(side, x, trusted, True, 100), go(side, y, trusted, False, 100)]
            return routines[0].result(), routines[1].result()

        def main() -> None:
            print(gosecure(both, Chan[int](), Chan[int]()).result())
            print(gosecure(both, same := Chan[int](), same).result())
        """,
        )
        == ["(100, 100)"] * 2
    )


def test_a_select_sees_the_close_of_either_world(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def close(channel: Chan[int]) -> None:
            channel.close()

        def wait(crossing: Chan[int], own: bool, sends: bool) -> str:
            trusted = Chan[int]()
            if own:
                go(close, trusted)
            try:
                if sends:
                    select(Send(crossing, 1), Send(trusted, 1))
                else:
                    selected = select(Recv(crossing), Recv(trusted))
                    return f"{selected.index} {selected.value} {selected.ok}"
            except ChannelClosed:
                return "closed"
            return "sent"

        def main() -> None:
            for own in (False, True):
                for sends in (False, True):
                    crossing = Chan[int]()
                    waiting = gosecure(wait, crossing, own, sends)
                    sleep(0.01)
                    if not own:
                        crossing.close()
                    print(waiting.result())
        """,
    ) == ["0 None False", "closed", "1 None False", "closed"]


def test_ready_cases_of_both_worlds_are_chosen_evenly(tmp_path: Path) -> None:
    (line,) = lines_of(
        tmp_path,
        """
        def choose(crossing: Chan[int], trials: int) -> list[int]:
            trusted = Chan[int]()
            trusted.close()
            counts = [0, 0]
            for _ in range(trials):
                counts[select(Recv(crossing), Recv(trusted)).index] += 1
            return counts

        def main() -> None:
            crossing = Chan[int]()
            crossing.close()
            print(*gosecure(choose, crossing, 1_000).result())
        """,
    )
    first, second = map(int, line.split())
    assert first + second == 1_000
    assert 350 < first < 650  # 500 expected, standard deviation 16


def test_select_outside_over_channels_that_crossed_and_others(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def feed(channel: Chan[int], first: int) -> None:
            for n in range(100):
                channel.send(first + n)
            channel.close()

        def main() -> None:
            channels: list[Chan[int] | None] = [Chan[int](), Chan[int](4), Chan[int]()]
            gosecure(feed, channels[0], 0)
            gosecure(feed, channels[1], 100)
            go(feed, channels[2], 200)
            merged = []
            while any(channels):
                selected = select(*map(Recv, channels), timeout=20)
                if selected.ok:
                    merged.append(selected.value)
                else:
                    channels[selected.index] = None
            print(sorted(merged) == list(range(300)))
        """,
    ) == ["True"]
