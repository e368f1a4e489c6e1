"""fork in the host: the child goes on with what the forking thread has."""

from __future__ import annotations

from .script import lines_of, run_script


def test_the_child_goes_on_with_channels_and_routines_of_the_forking_thread() -> None:
    assert lines_of(
        """
        c, d = Chan(), Chan()
        def echo():
            for n in c: d.send(n + 1)
        go(echo); yield_now()
        pid = os.fork()
        if pid == 0:
            try:
                c.send(1); assert d.recv() == 2
                assert go(lambda: 3).result() == 3
                sleep(0.01)
                t = threading.Thread(target=c.send, args=(5,)); t.start()
                assert d.recv() == 6
                t.join()
                os._exit(0)
            except BaseException as error:
                say(repr(error)); os._exit(1)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        c.send(10)
        say(d.recv())
        """,
        warnings="ignore",
    ) == ["0", "11"]


def test_a_fork_in_a_routine_and_in_a_thread() -> None:
    assert lines_of(
        """
        def child():
            pid = os.fork()
            if pid == 0:
                c = Chan()
                go(c.send, 4)
                os._exit(c.recv())
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        say(go(child).result())
        got = []
        def thread(): got.append(go(child).result())
        t = threading.Thread(target=thread); t.start(); t.join()
        say(got)
        """,
        warnings="ignore",
    ) == ["4", "[4]"]


def test_routines_of_threads_that_the_child_does_not_have_take_no_values_there() -> None:
    assert lines_of(
        """
        c, up, never = Chan(), Chan(1), Chan()
        def other():
            go(c.recv)
            yield_now()
            up.send(1)
            try: select(Recv(c), Recv(never))
            except Cancelled: pass
        threading.Thread(target=other, daemon=True).start()
        up.recv()
        while len(c.receivers) < 2: sleep(0.001)
        pid = os.fork()
        if pid == 0:
            try:
                routine = go(c.recv)
                c.send("mine")
                say(routine.result(timeout=5))
            except BaseException as error: say(repr(error))
            os._exit(0)
        os.waitpid(pid, 0)
        say(len(c.receivers))
        """,
        warnings="ignore",
    ) == ["mine", "2"]


def test_a_deadlock_in_the_child_does_not_count_the_parent_s_threads() -> None:
    assert lines_of(
        """
        stop = threading.Event()
        threading.Thread(target=stop.wait).start()
        yield_now()
        pid = os.fork()
        if pid == 0:
            try: Chan().recv()
            except Deadlock: os._exit(7)
            os._exit(1)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        stop.set()
        """,
        warnings="ignore",
        seconds=10,
    ) == ["7"]


def test_the_child_s_own_end_is_a_normal_one() -> None:
    ended = run_script(
        """
        go(Chan().recv); yield_now()
        if os.fork() == 0: sys.exit(0)
        say(os.waitstatus_to_exitcode(os.wait()[1]))
        """,
        warnings="ignore",
    )
    assert (ended.status, ended.lines, ended.errors) == (0, ["0"], "")


def test_multiprocessing_by_fork_works_from_a_program_with_routines() -> None:
    assert lines_of(
        """
        import multiprocessing
        def work(n): return go(lambda: n * n).result()
        keep = go(Chan().recv); yield_now()
        with multiprocessing.get_context("fork").Pool(2) as pool: say(pool.map(work, range(4)))
        """,
        warnings="ignore",
    ) == ["[0, 1, 4, 9]"]
