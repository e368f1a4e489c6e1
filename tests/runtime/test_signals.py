"""Signals and exits: KeyboardInterrupt, SystemExit and what handlers raise go to main; SIGQUIT prints the table."""

from __future__ import annotations

import signal

import pytest

from .script import end_script, lines_of, run_script, start_script, wait_for_line

PARKED = {
    "recv": "Chan().recv()",
    "send": "Chan().send(1)",
    "sleep": "sleep(3600)",
    "select": "select(Recv(Chan()), timeout=3600)",
    "result": "go(sleep, 3600).result()",
}


@pytest.mark.parametrize("park", PARKED.values(), ids=PARKED)
def test_sigint_while_main_is_parked_raises_keyboardinterrupt_there(park: str) -> None:
    process = start_script(
        f"""
        keep = go(sleep, 3600)
        def tell(): say("ready")
        go(tell)
        try:
            {park}
        except KeyboardInterrupt: say("interrupted")
        say(go(lambda: "goes on").result())
        """
    )
    wait_for_line(process, "ready")
    process.send_signal(signal.SIGINT)
    ended = end_script(process)
    assert (ended.status, ended.lines, ended.errors) == (0, ["interrupted", "goes on"], "")


def test_sigint_while_a_routine_computes_goes_to_main_after_the_routine_s_finally() -> None:
    process = start_script(
        """
        def compute():
            try:
                say("ready")
                while True: pass
            finally: say("finally")
        routine = go(compute)
        try: Chan().recv()
        except KeyboardInterrupt: say("interrupted")
        try: routine.result()
        except Cancelled: say("cancelled")
        """
    )
    wait_for_line(process, "ready")
    process.send_signal(signal.SIGINT)
    ended = end_script(process)
    assert (ended.lines, ended.errors) == (["finally", "interrupted", "cancelled"], "")


def test_an_uncaught_keyboardinterrupt_ends_the_program_as_python_does() -> None:
    process = start_script('go(sleep, 3600)\ndef tell(): say("ready")\ngo(tell)\nChan().recv()\n')
    wait_for_line(process, "ready")
    process.send_signal(signal.SIGINT)
    assert end_script(process).status == -signal.SIGINT


@pytest.mark.parametrize("status", [0, 3])
@pytest.mark.parametrize("park", ["Chan().recv()", "sleep(3600)", "routine.result()", "while True: yield_now()"])
def test_systemexit_in_a_routine_ends_the_program_with_its_status(park: str, status: int) -> None:
    ended = run_script(
        f"""
        def leave(): sys.exit({status})
        routine = go(leave)
        try:
            {park}
        finally: say("main's finally")
        """
    )
    assert (ended.status, ended.lines, ended.errors) == (status, ["main's finally"], "")


def test_systemexit_with_words_prints_them() -> None:
    ended = run_script('def leave(): sys.exit("sorry")\ngo(leave); Chan().recv()')
    assert (ended.status, ended.errors) == (1, "sorry\n")


def test_main_may_catch_the_systemexit_of_a_routine() -> None:
    assert lines_of(
        """
        c = Chan()
        def leave(): sys.exit(3)
        routine = go(leave)
        try: c.recv()
        except SystemExit as stop: say(stop.code, len(c.receivers), routine.done())
        go(c.send, 1)
        say(c.recv())
        """
    ) == ["3 0 True", "1"]


@pytest.mark.parametrize("park", PARKED.values(), ids=PARKED)
def test_what_a_handler_raises_while_main_is_parked_arrives_in_main(park: str) -> None:
    assert (
        lines_of(
            f"""
        class Alarm(Exception): pass
        def handler(*_): raise Alarm
        signal.signal(signal.SIGALRM, handler)
        for _ in range(3):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                {park}
            except Alarm: say("alarm")
        """
        )
        == ["alarm"] * 3
    )


def test_what_a_handler_raises_in_a_computing_routine_is_that_routine_s() -> None:
    assert lines_of(
        """
        class Alarm(Exception): pass
        def handler(*_): raise Alarm
        signal.signal(signal.SIGALRM, handler)
        def compute():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            while True: pass
        try: go(compute).result()
        except Alarm: say("alarm")
        """
    ) == ["alarm"]


def test_a_handler_may_wake_and_start_routines_but_not_park() -> None:
    assert lines_of(
        """
        woken, started = Chan(), Chan()
        def handler(*_):
            go(started.send, "started")
            select(Send(woken, "woken"), default=True)
            try: Chan().recv()
            except UsageError: say("refused")
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        say(woken.recv()); say(started.recv())
        """
    ) == ["refused", "woken", "started"]


def test_sigquit_prints_the_table_and_the_program_goes_on() -> None:
    process = start_script(
        """
        c = Chan[int]()
        def waiting(): c.recv()
        for _ in range(3): go(waiting)
        def sleeper(): sleep(3600)
        go(sleeper)
        from gotee.runtime.scheduler import scheduler_of_this_thread
        here = scheduler_of_this_thread()
        def tell():
            while not here.idle: time.sleep(0.001)
            say("ready")
        threading.Thread(target=tell).start()
        try: sleep(3600)
        except KeyboardInterrupt: say("interrupted")
        """
    )
    wait_for_line(process, "ready")
    process.send_signal(signal.SIGQUIT)
    assert process.stderr is not None
    table = [process.stderr.readline() for _ in range(4)]
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    ended = end_script(process)
    text = "".join(table)
    for words in ["3 times: waiting: recv on Chan[int]#1 (0/0)", "main: sleep", "sleeper: sleep"]:
        assert words in text
    assert (ended.lines, ended.errors) == (["interrupted"], "")


def test_sigquit_while_a_routine_computes_prints_the_table_too() -> None:
    process = start_script(
        """
        done = []
        def compute():
            say("ready")
            while not done: pass
        signal.signal(signal.SIGUSR1, lambda *_: done.append(1))
        go(compute).result()
        say("went on")
        """
    )
    wait_for_line(process, "ready")
    process.send_signal(signal.SIGQUIT)
    assert process.stderr is not None
    assert process.stderr.readline() == "gotee: routines:\n"
    process.send_signal(signal.SIGUSR1)
    assert end_script(process).lines == ["went on"]


def test_a_sigquit_handler_of_the_program_is_left_alone() -> None:
    assert lines_of(
        """
        def mine(*_): say("mine")
        signal.signal(signal.SIGQUIT, mine)
        yield_now()
        os.kill(os.getpid(), signal.SIGQUIT)
        """
    ) == ["mine"]


RANDOM_MOMENTS = """
import random
from gotee.runtime.scheduler import scheduler_of_this_thread
class Alarm(BaseException): pass
armed = False
def handler(*_):
    if armed: raise Alarm
if {interrupt}:
    Alarm = KeyboardInterrupt
signal.signal(signal.SIGALRM, handler)
random.seed(1)
here = scheduler_of_this_thread()
def check():
    assert here.current is here.main, here.current
    assert here.main not in here.live
{setup}
alarms = turns = 0
ends = time.monotonic() + 8
signal.setitimer(signal.ITIMER_REAL, 0.0004, 0.0004)
while alarms < 600 and time.monotonic() < ends:
    turns += 1
    try:
        armed = True
        {body}
        armed = False
    except Alarm:
        armed = False; alarms += 1
    check()
signal.setitimer(signal.ITIMER_REAL, 0)
assert alarms > 20, alarms
{after}
c = Chan(); go(c.send, 1)
assert c.recv_ok() == (1, True)
say("consistent")
"""


@pytest.mark.parametrize("interrupt", [False, True], ids=["alarm", "keyboardinterrupt"])
@pytest.mark.parametrize(
    ("setup", "body", "after"),
    [
        (
            "values = Chan()\ndef count():\n    n = 0\n    while True: values.send(n); n += 1\n"
            "count = go(count)\nlast = -1",
            "got = values.recv(); assert got > last; last = got",
            "",
        ),
        (
            "values = Chan()\ndef drain():\n    last = -1\n    for v in values:\n        assert v >= last; last = v\n"
            "drain = go(drain)",
            "values.send(turns)",
            "assert len(values.senders) == 0",
        ),
        (
            "a, b = Chan(), Chan(3)",
            "try: select(Recv(a), Recv(b), timeout=0.0002)\n        except TimeoutError: pass",
            "assert (len(a.receivers), len(b.receivers), here.live_timers) == (0, 0, 0)",
        ),
        (
            # The first report imports modules. An interrupt that cuts off an eval() of theirs, and is caught, would
            # still be the exit status of Python.
            "def fail(): raise KeyError\ngo(fail); yield_now()",
            "r = go(fail)\n        try: r.result()\n        except KeyError: pass",
            "os.dup2(os.open(os.devnull, os.O_WRONLY), 2)",
        ),
        ("", "sleep(0.0002); yield_now(); sleep(0)", "assert here.live_timers == 0"),
        (
            "values = Chan()\ndef thread():\n    n = 0\n    while True: values.send(n); n += 1\n"
            "threading.Thread(target=thread, daemon=True).start()\nlast = -1",
            "got = values.recv(); assert got > last; last = got",
            "assert len(values.receivers) == 0",
        ),
    ],
    ids=["recv", "send", "select", "failing routines", "sleep", "recv from a thread"],
)
def test_signals_at_random_moments_leave_the_state_consistent(
    setup: str, body: str, after: str, interrupt: bool
) -> None:
    ended = run_script(RANDOM_MOMENTS.format(setup=setup, body=body, after=after, interrupt=interrupt))
    assert (ended.status, ended.lines) == (0, ["consistent"]), ended.errors[-2000:]


def test_a_signal_that_comes_while_no_python_code_runs_is_not_slept_through() -> None:
    assert lines_of(
        """
        import ctypes
        def bystander(): sleep(30)
        go(bystander); yield_now()
        # Called by compiled code, and followed by nothing but compiled code until the thread sleeps.
        go(ctypes.CDLL(None).kill, os.getpid(), int(signal.SIGINT))
        try: Chan().recv()
        except KeyboardInterrupt: say("interrupted")
        """,
        seconds=10,
    ) == ["interrupted"]


FINALIZERS = {
    "__del__": "class C:\n    def __del__(self): interrupt()\nkept = C()",
    "weak reference": "import weakref\nclass C: pass\nkept = C()\nweak = weakref.ref(kept, lambda _: interrupt())",
    "lost failure": (
        "class Errors:\n    def write(self, text): interrupt()\n    def flush(self): pass\nsys.stderr = Errors()\n"
        "def fail(): raise KeyError\nkept = go(fail)\nyield_now()"
    ),
}


@pytest.mark.parametrize("setup", FINALIZERS.values(), ids=FINALIZERS)
def test_a_keyboardinterrupt_that_comes_in_a_finalizer_still_arrives(setup: str) -> None:
    ended = run_script(
        f"""
def interrupt():
    signal.raise_signal(signal.SIGINT)
    say("not interrupted")
def bystander(): sleep(3600)
go(bystander); yield_now()
{setup}
try:
    del kept
    Chan().recv()
except KeyboardInterrupt: say("interrupted")
sys.stderr = sys.__stderr__
yield_now()
"""
    )
    assert (ended.status, ended.lines, ended.errors) == (0, ["interrupted"], "")


def test_a_keyboardinterrupt_in_a_finalizer_ends_a_program_that_does_not_catch_it() -> None:
    ended = run_script(
        """
        class C:
            def __del__(self): signal.raise_signal(signal.SIGINT)
        yield_now()
        C()
        """
    )
    assert ended.status == -signal.SIGINT, ended


def test_what_else_a_finalizer_raises_is_told_as_before() -> None:
    ended = run_script(
        """
        def told(unraisable): say("told", unraisable.exc_type.__name__)
        sys.unraisablehook = told
        class C:
            def __del__(self): raise KeyError
        class D:
            def __del__(self): raise KeyboardInterrupt
        yield_now()
        C()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        D()
        """
    )
    assert (ended.status, ended.lines) == (0, ["told KeyError", "told KeyboardInterrupt"]), ended
