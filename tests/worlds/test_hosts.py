"""What the host's code may do while secured routines run: threads, asyncio, sleep, fork; and the same inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import lines_of


def test_several_threads_each_with_routines_of_their_own(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def add(a: int, b: int) -> int:
            return a + b

        def echo(there: Chan[int], back: Chan[int]) -> None:
            for value in there:
                back.send(value)
            back.close()

        def feed(there: Chan[int], first: int) -> None:
            for n in range(100):
                there.send(first + n)
            there.close()

        def work(number: int, good: list[bool]) -> None:
            there, back = Chan[int](), Chan[int](2)
            gosecure(echo, there, back)
            go(feed, there, number * 100)
            calls = [gosecure(add, number, n) for n in range(100)]
            good.append(list(back) == list(range(number * 100, number * 100 + 100)))
            good.append([call.result() for call in calls] == [number + n for n in range(100)])

        def main() -> None:
            good: list[bool] = []
            threads = [threading.Thread(target=work, args=(n, good)) for n in range(4)]
            for thread in threads:
                thread.start()
            work(9, good)
            for thread in threads:
                thread.join()
            print(good == [True] * 10)
        """,
    ) == ["True"]


def test_threads_share_a_crossing_channel_and_a_routine(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def feed(channel: Chan[int]) -> int:
            for n in range(400):
                channel.send(n)
            channel.close()
            return 400

        def drain(channel: Chan[int], got: list[int]) -> None:
            got.extend(channel)

        def main() -> None:
            channel, got = Chan[int](), []
            threads = [threading.Thread(target=drain, args=(channel, got)) for _ in range(3)]
            for thread in threads:
                thread.start()
            routine = gosecure(feed, channel)
            for thread in threads:
                thread.join()
            print(sorted(got) == list(range(400)), routine.result())
        """,
    ) == ["True 400"]


def test_an_asyncio_program_awaits_routines_and_crossing_channels(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def add(a: int, b: int) -> int:
            return a + b

        def fail() -> None:
            raise LookupError("x")

        def echo(there: Chan[int], back: Chan[int]) -> None:
            for value in there:
                back.send(value)
            back.close()

        async def feed(there: Chan[int]) -> None:
            for n in range(50):
                await there.asend(n)
            there.close()

        async def tick(ticks: list[int]) -> None:
            while True:
                ticks.append(1)
                await asyncio.sleep(0.001)

        async def program() -> None:
            ticks: list[int] = []
            ticking = asyncio.create_task(tick(ticks))
            print(await gosecure(add, 1, 2))
            print(await asyncio.gather(*[gosecure(add, n, n) for n in range(5)]))
            try:
                await gosecure(fail)
            except SecuredRoutineError as error:
                print(error)
            there, back = Chan[int](), Chan[int]()
            gosecure(echo, there, back)
            feeding = asyncio.create_task(feed(there))
            got = [await back.arecv()]
            selected = await aselect(Recv(back), timeout=20)
            got.append(selected.value)
            async for value in back:
                got.append(value)
            await feeding
            print(got == list(range(50)), len(ticks) > 0)
            ticking.cancel()

        def main() -> None:
            asyncio.run(program())
            print(gosecure(add, 3, 4).result())
        """,
    ) == ["3", "[0, 2, 4, 6, 8]", "LookupError: x", "True True", "7"]


def test_an_await_of_a_routine_can_be_given_up(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def wait(channel: Chan[int]) -> int:
            return channel.recv()

        async def program() -> None:
            channel = Chan[int]()
            routine = gosecure(wait, channel)
            try:
                await asyncio.wait_for(routine, 0.02)
            except TimeoutError:
                print("timeout")
            try:
                await asyncio.wait_for(channel.arecv(), 0.01)
            except TimeoutError:
                print("timeout")

        def main() -> None:
            asyncio.run(program())
        """,
    ) == ["timeout", "timeout"]


def test_async_code_inside_uses_crossing_channels_and_sleeps(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        async def relay(there: Chan[int], back: Chan[str]) -> int:
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0.001)

            ticking = asyncio.create_task(tick())
            count = 0
            async for value in there:
                await asyncio.sleep(0.001)
                await back.asend(f"<{value}>")
                count += 1
            selected = await aselect(Recv(there), timeout=5)
            assert not selected.ok
            ticking.cancel()
            assert ticks > count
            back.close()
            return count

        async def receive(there: Chan[int]) -> int:
            first = await there.arecv()
            second, ok = await there.arecv_ok()
            return first + second if ok else -1

        def feed(there: Chan[int], count: int) -> None:
            for n in range(count):
                there.send(n)
            there.close()

        def main() -> None:
            there, back = Chan[int](), Chan[str]()
            routine = gosecure(relay, there, back)
            go(feed, there, 10)
            print(list(back) == [f"<{n}>" for n in range(10)], routine.result())
            there = Chan[int]()
            routine = gosecure(receive, there)
            there.send(3)
            there.send(4)
            print(routine.result())
        """,
    ) == ["True 10", "7"]


def test_async_code_inside_may_do_everything_with_a_crossing_channel(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        async def use(channel: Chan[int]) -> list[object]:
            outcomes: list[object] = [len(channel)]
            await channel.asend(7)
            outcomes.append(len(channel))
            try:
                await aselect(Send(channel, 8), timeout=0.01)
            except TimeoutError:
                outcomes.append("timeout")
            try:
                await asyncio.wait_for(channel.asend(9), 0.01)
            except TimeoutError:
                outcomes.append("timeout")
            outcomes.append(await channel.arecv())
            channel.close()
            try:
                channel.close()
            except ChannelClosed:
                outcomes.append("closed")
            try:
                await channel.asend(1)
            except ChannelClosed:
                outcomes.append("closed")
            outcomes.append(await channel.arecv_ok())
            return outcomes

        def main() -> None:
            print(gosecure(use, Chan[int](1)).result())
        """,
    ) == ["[0, 1, 'timeout', 'timeout', 7, 'closed', 'closed', (None, False)]"]


def test_aselect_inside_with_a_default_does_not_block(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        async def attempt(channel: Chan[int]) -> list[int]:
            outcomes = [(await aselect(Recv(channel), default=True)).index]
            outcomes.append((await aselect(Send(channel, 7), default=True)).index)
            outcomes.append((await aselect(Send(channel, 8), default=True)).index)
            return outcomes

        def main() -> None:
            print(gosecure(attempt, Chan[int](1)).result())
        """,
    ) == ["[-1, 0, -1]"]


def test_go_and_gosecure_inside_start_routines_inside(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def put(channel: Chan[int], value: int) -> None:
            channel.send(value)

        def add(a: int, b: int) -> int:
            return a + b

        def fail() -> None:
            raise LookupError("x")

        async def later(value: int) -> int:
            await asyncio.sleep(0)
            return value

        def work() -> list[object]:
            channel = Chan[int]()
            for n in range(100):
                go(put, channel, n)
            outcomes: list[object] = [sum(channel.recv() for _ in range(100))]
            outcomes.append(gosecure(add, 1, 2).result())
            outcomes.append(go(later, 5).result())
            for start in (go, gosecure):
                try:
                    start(fail).result()
                except LookupError as error:
                    outcomes.append(repr(error))
            return outcomes

        def main() -> None:
            print(gosecure(work).result())
        """,
    ) == ["[4950, 3, 5, \"LookupError('x')\", \"LookupError('x')\"]"]


def test_a_routine_started_inside_outlives_the_call(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def serve(requests: Chan[int], replies: Chan[int]) -> None:
            for request in requests:
                replies.send(-request)
            replies.close()

        def begin(requests: Chan[int], replies: Chan[int]) -> None:
            go(serve, requests, replies)

        def main() -> None:
            requests, replies = Chan[int](), Chan[int]()
            gosecure(begin, requests, replies).result()
            for n in (1, 2):
                requests.send(n)
                print(replies.recv())
            requests.close()
            print(replies.recv_ok())
        """,
    ) == ["-1", "-2", "(None, False)"]


def test_a_sleeping_host_stops_nothing_inside(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def ping(numbers: Chan[int]) -> None:
            for n in range(3):
                numbers.send(n)
                sleep(0.01)
            numbers.close()

        def pong(numbers: Chan[int]) -> None:
            for n in numbers:
                print("got", n)

        def limited(idle: Chan[int]) -> None:
            try:
                select(Recv(idle), timeout=0.2)
            except TimeoutError:
                print("timed out")

        def own() -> None:
            channel = Chan[int]()
            go(ping, channel)
            total = sum(channel)
            sleep(0.3)
            print("own", total)

        def main() -> None:
            numbers = Chan[int]()
            routines = [gosecure(pong, numbers), gosecure(ping, numbers)]
            routines += [gosecure(limited, Chan[int]()), gosecure(own)]
            time.sleep(1)
            print("the host is back", [routine.done() for routine in routines])
        """,
    ) == ["got 0", "got 1", "got 2", "timed out", "own 3", "the host is back [True, True, True, True]"]


def test_a_host_that_computes_stops_nothing_inside(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def relay(a: Chan[int], b: Chan[int]) -> None:
            for value in a:
                b.send(value)
            print("relayed")

        def feed(a: Chan[int]) -> None:
            for n in range(20):
                a.send(n)
            a.close()

        def main() -> None:
            a, b = Chan[int](), Chan[int](20)
            relaying = gosecure(relay, a, b)
            gosecure(feed, a)
            while not relaying.done():
                sum(range(1_000))
            print(len(b))
        """,
    ) == ["relayed", "20"]


def test_a_forked_child_has_no_enclave_and_the_parent_goes_on(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def add(a: int, b: int) -> int:
            return a + b

        def wait(channel: Chan[int]) -> int:
            return channel.recv()

        def lost(what, *args) -> str:
            try:
                what(*args)
            except EnclaveLost:
                return "lost"
            return "not lost"

        def main() -> None:
            channel = Chan[int]()
            print(gosecure(add, 1, 2).result(), flush=True)
            routine = gosecure(wait, channel)
            warnings.simplefilter("ignore", DeprecationWarning)  # there is our service thread
            child = os.fork()
            if child == 0:
                print("child", lost(gosecure, add, 1, 2), lost(channel.recv), flush=True)
                sys.exit(7)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            channel.send(5)
            print(routine.result(), gosecure(add, 2, 2).result())
        """,
    ) == ["3", "child lost lost", "7", "5 4"]


def test_a_call_in_flight_is_lost_in_a_forked_child(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def wait(channel: Chan[int]) -> int:
            return channel.recv()

        def main() -> None:
            channel = Chan[int]()
            routine = gosecure(wait, channel)
            warnings.simplefilter("ignore", DeprecationWarning)  # there is our service thread
            child = os.fork()
            if child == 0:
                try:
                    routine.result(timeout=10)
                except EnclaveLost:
                    print("child lost", flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            channel.send(5)
            print(routine.result())
        """,
    ) == ["child lost", "5"]


def test_a_subprocess_of_the_host_inherits_nothing_of_the_enclave(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        import subprocess

        def add(a: int, b: int) -> int:
            return a + b

        def main() -> None:
            gosecure(add, 1, 2).result()
            listing = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True).stdout
            print("gotee" in listing, "socket" in listing)
            print(gosecure(add, 3, 4).result())
        """,
    ) == ["False False", "7"]


def test_routines_that_make_the_first_call_at_once_share_one_start(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path,
        """
        def double(number: int) -> int:
            return 2 * number

        def ask(number: int) -> int:
            return gosecure(double, number).result()

        def main() -> None:
            others: list[int] = []
            thread = threading.Thread(target=lambda: others.append(ask(5)))
            thread.start()
            routines = [go(ask, number) for number in (1, 2, 3)]
            print([routine.result() for routine in routines])
            thread.join()
            print(others)
        """,
    ) == ["[2, 4, 6]", "[10]"]


def test_while_main_is_parked_for_long_nothing_wakes_the_service_thread(tmp_path: Path) -> None:
    """Counted: a thread that waits to be told gives its processor away once, one that looks does so again and again."""
    assert lines_of(
        tmp_path,
        """
        def nothing() -> None:
            pass

        def watch(asleep: Chan[bool]) -> None:
            (service,) = [thread.native_id for thread in threading.enumerate() if thread.name == "gotee-link"]
            before, same = switches(service), 0
            for _ in range(60):  # soon it sleeps, but not at once
                time.sleep(0.5)
                before, now = switches(service), before
                same = same + 1 if now == before else 0
                if same == 4:  # one alone may lie between two looks of a thread that looks now and then
                    break
            asleep.send(same == 4)

        def switches(thread: int) -> int:
            with open(f"/proc/self/task/{thread}/status") as status:
                (count,) = [line.split()[1] for line in status if line.startswith("voluntary_ctxt_switches")]
            return int(count)

        def main() -> None:
            gosecure(nothing).result()
            asleep = Chan[bool]()
            watcher = threading.Thread(target=watch, args=(asleep,))
            watcher.start()
            print(asleep.recv())
            watcher.join()
            gosecure(nothing).result()
        """,
    ) == ["True"]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_of_multiprocessing_have_enclaves_of_their_own(tmp_path: Path, method: str) -> None:
    """In them the main module has another name, and so have its classes."""
    assert lines_of(
        tmp_path,
        """
        @public_error
        class Odd(Exception):
            def __init__(self, number: int) -> None:
                self.number = number

        @dataclass
        class Pair:
            left: int
            right: int

        def add(pair: Pair) -> int:
            if pair.left % 2:
                raise Odd(pair.left)
            return pair.left + pair.right

        def collect(pairs: Chan[Pair]) -> int:
            return sum(pair.left for pair in pairs)

        def work(number: int) -> int:
            pairs = Chan[Pair](1)
            pairs.send(Pair(100, 0))
            pairs.close()
            try:
                return gosecure(add, Pair(number, 1)).result() + gosecure(collect, pairs).result()
            except Odd as odd:
                return -odd.number

        def main() -> None:
            import multiprocessing
            print(work(4), flush=True)
            with multiprocessing.get_context("METHOD").Pool(2) as pool:
                print(pool.map(work, range(4)))
        """.replace("METHOD", method),
    ) == ["105", "[101, -1, 103, -3]"]
