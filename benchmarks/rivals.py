"""What a Python user would otherwise use, each with a process of its own that is kept while its line is measured."""

from __future__ import annotations

import asyncio
import atexit
import functools
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

import servers
from gotee.boundary.link_ring import RingLink

HERE = Path(__file__).parent
BUILT = HERE.parent / "build" / "benchmarks"
_decode = msgspec.msgpack.Decoder(int).decode


@functools.cache
def _context() -> Any:
    """How processes are started. Made at its first use: what is made at import would be made inside as well."""
    return multiprocessing.get_context("spawn")


@functools.cache
def _folder() -> str:
    """Where the sockets are."""
    folder = tempfile.TemporaryDirectory(prefix="gotee-bench-")
    atexit.register(folder.cleanup)
    return folder.name


class Missing(Exception):
    """A rival that is not installed."""


class Rival(Protocol):
    """`call` and `many` for requests with replies; `stream` for values one way. Not every rival has both."""

    def close(self) -> None: ...


def build_floor() -> Any:
    """Compile floor.pyx and import it."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    source = HERE / "floor.pyx"
    sources = str(HERE.parent / "src")
    modules = cythonize(
        [Extension("floor", [str(source)], extra_compile_args=["-O2", "-std=c11"])],
        include_path=[sources],
        build_dir=str(BUILT / "c"),
        quiet=True,
    )
    command = build_ext(Distribution({"ext_modules": modules}))
    command.build_lib, command.build_temp = str(BUILT), str(BUILT / "temp")
    command.ensure_finalized()
    command.run()
    sys.path.insert(0, str(BUILT))
    import floor

    return floor


class Floor:
    """Ring and msgspec at C speed, nothing else: see floor.pyx."""

    def __init__(self, does: str) -> None:
        self._floor = build_floor()
        self._ring, descriptors = RingLink.create()
        side = [sys.executable, str(HERE / "floor_side.py"), str(BUILT), does, *map(str, descriptors)]
        self._side = subprocess.Popen(side, pass_fds=descriptors)
        descriptors.close()
        self._wake = self._wake_drain if does == "drain" else self._wake_answer

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Its other side spins for ever: outside its own turns it is stopped, or others lack a core."""
        self._side.send_signal(signal.SIGCONT)
        self._wake()
        try:
            yield
        finally:
            self._side.send_signal(signal.SIGSTOP)

    def _wake_answer(self) -> None:
        self.call(b"", 1)

    def _wake_drain(self) -> None:
        self.stream(b"", 1)

    def call(self, payload: bytes, n: int) -> None:
        self._floor.call(self._ring, (payload, 1), int, n)

    def many(self, payload: bytes, n: int, window: int) -> None:
        self._floor.calls_in_flight(self._ring, (payload, 1), int, n, window)

    def stream(self, value: bytes, n: int) -> None:
        self._floor.stream(self._ring, value, n)

    def close(self) -> None:
        self._side.send_signal(signal.SIGCONT)
        self._floor.stop(self._ring)
        self._side.wait()
        self._ring.close()


class _Served:
    """A rival whose other side is a function of servers.py."""

    def __init__(self, serve: Any, *arguments: Any) -> None:
        self.said, theirs = _context().Pipe()
        self._process = _context().Process(target=serve, args=(*arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self.said.close()


class Pipe(_Served):
    """multiprocessing.Pipe, request and reply."""

    def __init__(self) -> None:
        super().__init__(servers.pipe)

    def call(self, payload: bytes, n: int) -> None:
        for i in range(n):
            self.said.send((payload, i))
            self.said.recv()

    def many(self, payload: bytes, n: int, window: int) -> None:
        for start in range(0, n, window):
            size = min(window, n - start)
            for i in range(size):
                self.said.send((payload, i))
            for _ in range(size):
                self.said.recv()


class Queue(_Served):
    """multiprocessing.Queue, one way."""

    def __init__(self) -> None:
        self._values: Any = _context().Queue(128)
        super().__init__(servers.queue, self._values)

    def stream(self, value: bytes, n: int) -> None:
        for _ in range(n):
            self._values.put(value)
        self._values.put(None)
        self.said.recv()


class Pool:
    """concurrent.futures.ProcessPoolExecutor with one process."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=_context())
        self._pool.submit(servers.ready, 1).result()

    def call(self, payload: bytes, n: int) -> None:
        for i in range(n):
            self._pool.submit(servers.work, payload, i).result()

    def many(self, payload: bytes, n: int, window: int) -> None:
        for start in range(0, n, window):
            for future in [self._pool.submit(servers.work, payload, i) for i in range(min(window, n - start))]:
                future.result()

    def close(self) -> None:
        self._pool.shutdown()


class Streams(_Served):
    """asyncio's streams over a Unix socket, MessagePack by msgspec."""

    def __init__(self) -> None:
        path = f"{_folder()}/stream"
        super().__init__(servers.stream, path)
        self.said.recv()
        self._loop = asyncio.new_event_loop()
        self._ends = self._loop.run_until_complete(asyncio.open_unix_connection(path))

    async def _many(self, payload: bytes, n: int, window: int) -> None:
        reader, writer = self._ends
        for start in range(0, n, window):
            size = min(window, n - start)
            for i in range(size):
                data = msgspec.msgpack.encode((payload, i))
                writer.write(struct.pack("<I", len(data)) + data)
            for _ in range(size):
                (length,) = struct.unpack("<I", await reader.readexactly(4))
                _decode(await reader.readexactly(length))

    def call(self, payload: bytes, n: int) -> None:
        self._loop.run_until_complete(self._many(payload, n, 1))

    def many(self, payload: bytes, n: int, window: int) -> None:
        self._loop.run_until_complete(self._many(payload, n, window))

    def close(self) -> None:
        self._ends[1].close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
        super().close()


class ZmqCalls(_Served):
    """pyzmq over ipc: REQ for one at a time, DEALER for many, MessagePack by msgspec."""

    def __init__(self) -> None:
        zmq = _import("zmq", "pyzmq")
        address = f"ipc://{_folder()}/calls"
        super().__init__(servers.zmq_reply, address)
        self.said.recv()
        self._context = zmq.Context()
        self._one, self._dealer = self._context.socket(zmq.REQ), self._context.socket(zmq.DEALER)
        self._one.connect(address)
        self._dealer.connect(address)

    def call(self, payload: bytes, n: int) -> None:
        for i in range(n):
            self._one.send(msgspec.msgpack.encode((payload, i)))
            _decode(self._one.recv())

    def many(self, payload: bytes, n: int, window: int) -> None:
        for start in range(0, n, window):
            size = min(window, n - start)
            for i in range(size):
                self._dealer.send(msgspec.msgpack.encode((payload, i)))
            for _ in range(size):
                _decode(self._dealer.recv())

    def close(self) -> None:
        self._context.destroy(linger=0)
        super().close()


class ZmqPush(_Served):
    """pyzmq PUSH and PULL over ipc, one way."""

    def __init__(self) -> None:
        zmq = _import("zmq", "pyzmq")
        address = f"ipc://{_folder()}/push"
        super().__init__(servers.zmq_pull, address)
        self.said.recv()
        self._context = zmq.Context()
        self._push = self._context.socket(zmq.PUSH)
        self._push.set_hwm(128)
        self._push.connect(address)

    def stream(self, value: bytes, n: int) -> None:
        for _ in range(n):
            self._push.send(value)
        self._push.send(b"")
        self.said.recv()

    def close(self) -> None:
        self._context.destroy(linger=0)
        super().close()


class Grpc(_Served):
    """gRPC over a Unix socket, unary calls, MessagePack by msgspec."""

    def __init__(self) -> None:
        grpc = _import("grpc", "grpcio")
        address = f"unix:{_folder()}/grpc"
        super().__init__(servers.grpc, address)
        self.said.recv()
        self._channel = grpc.insecure_channel(address)
        self._work = self._channel.unary_unary("/bench/work", msgspec.msgpack.encode, _decode)

    def call(self, payload: bytes, n: int) -> None:
        for i in range(n):
            self._work((payload, i))

    def many(self, payload: bytes, n: int, window: int) -> None:
        for start in range(0, n, window):
            for future in [self._work.future((payload, i)) for i in range(min(window, n - start))]:
                future.result()

    def close(self) -> None:
        self._channel.close()
        super().close()


class RayActor:
    """A call of a Ray actor."""

    def __init__(self) -> None:
        self._ray = ray = _import("ray", "ray")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
        self._actor = ray.remote(_Actor).remote()
        ray.get(self._actor.work.remote(b"", 0))

    def call(self, payload: bytes, n: int) -> None:
        for i in range(n):
            self._ray.get(self._actor.work.remote(payload, i))

    def many(self, payload: bytes, n: int, window: int) -> None:
        for start in range(0, n, window):
            self._ray.get([self._actor.work.remote(payload, i) for i in range(min(window, n - start))])

    def close(self) -> None:
        self._ray.shutdown()


class _Actor:
    def work(self, payload: bytes, number: int) -> int:
        return number


def _import(module: str, distribution: str) -> Any:
    try:
        return __import__(module)
    except ImportError:
        raise Missing(f"{distribution} is not installed") from None
