"""Deadlock: neither missed nor invented. Each program runs in a process of its own."""

from __future__ import annotations

import signal

import pytest

from .script import end_script, lines_of, run_script, start_script, wait_for_line

DECLARED = {
    "main recv alone": "Chan().recv()",
    "main send alone": "Chan().send(1)",
    "main select": "select(Recv(Chan()), Send(Chan(), 1))",
    "main select without cases": "select()",
    "main select over nil channels": "select(Recv(None), Send(None, 1))",
    "full buffer": "c = Chan(2)\nfor n in range(3): c.send(n)",
    "iteration of a channel nobody closes": """
c = Chan()
def produce():
    for n in range(3): c.send(n)
go(produce)
for n in c: pass
""",
    "routines in a cycle": """
a, b = Chan(), Chan()
def pipe(x, y): y.send(x.recv())
go(pipe, a, b); go(pipe, b, a).result()
""",
    "results in a cycle": """
rs = []
def wait(n): yield_now(); return rs[1 - n].result()
rs += [go(wait, 0), go(wait, 1)]
rs[0].result()
""",
    "after timers have fired": """
c = Chan()
for n in range(5): go(sleep, 0.001 * n)
go(sleep, 0.01)
c.recv()
""",
    "after a timeout was not needed": """
c = Chan()
go(c.send, 1)
select(Recv(c), timeout=3600)
c.recv()
""",
    "cancelled sleepers do not count": """
r = go(sleep, 3600); yield_now(); r.cancel()
Chan().recv()
""",
    "a dead thread does not count": """
def thread(): go(sleep, 3600); yield_now()
t = threading.Thread(target=thread); t.start(); t.join()
Chan().recv()
""",
    "all threads parked": """
c = Chan()
ts = [threading.Thread(target=c.recv, daemon=True) for _ in range(3)]
for t in ts: t.start()
c.recv()
""",
    "a plain thread ends without sending": """
threading.Thread(target=time.sleep, args=(0.1,)).start()
Chan().recv()
""",
    "a raw thread ends without sending": """
import _thread
_thread.start_new_thread(time.sleep, (0.1,))
Chan().recv()
""",
    "after asyncio.run": """
async def f(): await asleep(0.001)
asyncio.run(f())
Chan().recv()
""",
    "after an async routine": """
async def f(): await asleep(0.001)
go(f).result()
Chan().recv()
""",
    "in a function called by a routine that main waits for": """
def f(): Chan().recv()
go(f).result()
""",
    "with a handler that was taken back": """
signal.signal(signal.SIGUSR1, lambda *a: None)
signal.signal(signal.SIGUSR1, signal.SIG_DFL)
Chan().recv()
""",
    "in a forked child": """
yield_now()
pid = os.fork()
if pid == 0: Chan().recv()
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
}

ACTORS = {
    "a plain thread in time.sleep": """
def act(): time.sleep(0.7); c.send("woken")
threading.Thread(target=act).start()
""",
    "a daemon thread": """
def act(): time.sleep(0.3); c.send("woken")
threading.Thread(target=act, daemon=True).start()
""",
    "a raw thread that has not run yet": """
import _thread
_thread.start_new_thread(c.send, ("woken",))
""",
    "a threading.Timer": 'threading.Timer(0.3, c.send, ("woken",)).start()',
    "a sleeping routine": """
def act(): sleep(0.3); c.send("woken")
go(act)
""",
    "a select with a timeout": """
def act():
    try: select(Recv(Chan()), timeout=0.3)
    except TimeoutError: c.send("woken")
go(act)
""",
    "a sleeping routine of another thread": """
def act(): sleep(0.3); c.send("woken")
threading.Thread(target=lambda: go(act).result()).start()
""",
    "a thread pool's worker": """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
pool.submit(int).result()
def act(): time.sleep(0.3); c.send("woken")
pool.submit(act)
""",
    "an asyncio loop elsewhere": """
async def act():
    await asyncio.sleep(0.3); await c.asend("woken")
threading.Thread(target=asyncio.run, args=(act(),)).start()
""",
    "an async routine": """
async def act():
    await asyncio.sleep(0.3); await c.asend("woken")
go(act)
""",
    "a thread started from an async routine": """
async def act():
    await asyncio.to_thread(time.sleep, 0.3)
    await c.asend("woken")
go(act)
""",
    "a signal handler": """
def act(*_): select(Send(c, "woken"), default=True)
signal.signal(signal.SIGALRM, act)
signal.setitimer(signal.ITIMER_REAL, 0.8)
""",
    "a thread's finally block at its end": """
def late():
    try: Chan().recv()
    finally:
        time.sleep(0.3)
        select(Send(c, "woken"), default=True)
def thread(): go(late); yield_now()
threading.Thread(target=thread).start()
""",
    "a thread in a C call that holds no frame of Python's": """
import _thread
lock = _thread.allocate_lock(); lock.acquire()
def act(): lock.acquire(True, 0.4); c.send("woken")
threading.Thread(target=act).start()
""",
}


@pytest.mark.parametrize("program", DECLARED.values(), ids=DECLARED)
def test_a_deadlock_is_declared_in_main(program: str) -> None:
    ended = run_script(program, warnings="ignore")
    assert ended.status == 1
    assert ended.errors.count("gotee.errors.Deadlock: all routines are asleep") == 1


@pytest.mark.parametrize("actor", ACTORS.values(), ids=ACTORS)
def test_no_deadlock_is_invented_while_somebody_can_act(actor: str) -> None:
    assert lines_of(f"c = Chan()\n{actor}\nsay(c.recv())\nos._exit(0)\n") == ["woken"]


@pytest.mark.parametrize(
    "kind", ["_thread.start_new_thread(c.send, (n,))", "threading.Thread(target=c.send, args=(n,)).start()"]
)
def test_threads_that_are_just_starting_count(kind: str) -> None:
    assert lines_of(
        f"""
        import _thread
        for n in range(300):
            c = Chan()
            {kind}
            assert c.recv() == n
        say("fine")
        """
    ) == ["fine"]


def test_threads_that_come_and_go_never_make_a_deadlock() -> None:
    """Waits cross threads all the time while other threads start and end, so the judge is asked at odd moments."""
    assert lines_of(
        """
        def one(c, n):
            go(c.send, n).result()
        for n in range(400):
            c = Chan()
            t = threading.Thread(target=one, args=(c, n)); t.start()
            assert go(c.recv).result() == n
            if n % 3: t.join()
        say("fine")
        """
    ) == ["fine"]


def test_while_an_idle_thread_pool_could_act_nothing_is_declared() -> None:
    process = start_script(
        """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(1)
        pool.submit(int).result()
        def main():
            say("parked")
            Chan().recv()
        try: main()
        except KeyboardInterrupt: say("interrupted")
        """
    )
    wait_for_line(process, "parked")
    with pytest.raises(Exception, match="timed out"):
        process.wait(1.2)  # the judge looks after 0.02 s and again at the latest each 0.5 s
    process.send_signal(signal.SIGINT)
    ended = end_script(process)
    assert (ended.lines, ended.errors) == (["interrupted"], "")


def test_the_message_names_who_waits_on_what_and_where() -> None:
    ended = run_script(
        """
        inbox, outbox = Chan[int](), Chan[str](1)
        outbox.send("full")
        def reader(): inbox.recv()
        def writer(): outbox.send("more")
        def chooser(): select(Recv(inbox), Recv(None))
        for _ in range(3): go(reader)
        go(writer); go(chooser)
        waited = go(reader)
        def thread(): inbox.recv()
        threading.Thread(target=thread, name="helper", daemon=True).start()
        waited.result()
        """
    )
    table = ended.errors[ended.errors.index("all routines are asleep") :]
    for words in [
        f"main: result of {'reader#'}",
        "times: reader: recv on Chan[int]#1 (0/0)",
        "writer: send on Chan[str]#2 (1/1)",
        "chooser: select over recv Chan[int]#1 (0/0), recv None",
        "[thread helper]: recv on Chan[int]#1",
        " in writer",
    ]:
        assert words in table, table


def test_a_caught_deadlock_has_its_table_and_the_program_goes_on() -> None:
    assert lines_of(
        """
        c = Chan()
        def stuck(): c.recv()
        r = go(stuck)
        for _ in range(3):
            try: r.result()
            except Deadlock as error:
                assert isinstance(error, GoteeError)
                assert any("stuck" in row for row in error.waiting) and any("main" in row for row in error.waiting)
                say("deadlock", len(c.receivers))
        c.send(1)
        r.result()
        say(go(lambda: "on").result())
        """
    ) == ["deadlock 1"] * 3 + ["on"]


def test_a_deadlock_leaves_no_waiter_of_main() -> None:
    assert (
        lines_of(
            """
        c, d = Chan(), Chan()
        for operation in (c.recv, lambda: c.send(1), lambda: select(Recv(c), Send(d, 1), Recv(d))):
            try: operation()
            except Deadlock: say(len(c.receivers), len(c.senders), len(d.receivers), len(d.senders))
        """
        )
        == ["0 0 0 0"] * 3
    )


def test_when_main_has_ended_the_threads_that_keep_the_program_alive_get_it() -> None:
    ended = run_script(
        """
        def thread():
            try: Chan().recv()
            finally: say("thread")
        threading.Thread(target=thread).start()
        say("main ends")
        """
    )
    assert sorted(ended.lines) == ["main ends", "thread"]
    assert "Deadlock" in ended.errors


def test_when_main_used_gotee_and_has_ended_the_parked_thread_still_gets_it() -> None:
    ended = run_script(
        """
        c = Chan()
        threading.Thread(target=c.recv).start()
        sleep(0.05)
        """
    )
    assert "Deadlock" in ended.errors


def test_routines_of_a_thread_that_main_joins_are_not_judged_but_the_thread_can_still_be_interrupted() -> None:
    process = start_script(
        """
        t = threading.Thread(target=Chan().recv, daemon=True); t.start()
        try:
            say("joining")
            t.join()
        except KeyboardInterrupt: say("interrupted")
        """
    )
    wait_for_line(process, "joining")
    process.send_signal(signal.SIGINT)
    assert end_script(process).lines == ["interrupted"]
