"""The other sides of the rivals. Imported by their processes, which is why it imports so little."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import msgspec


def work(payload: bytes, number: int) -> int:
    """The work of every call: as little as possible."""
    return number


def ready(number: int) -> int:
    """For a pool to have its process started."""
    return number


def pipe(end: Any) -> None:
    """Request and reply over a Pipe."""
    while (call := end.recv()) is not None:
        end.send(work(*call))


def queue(values: Any, said: Any) -> None:
    """Takes values from a Queue; after each None it says so."""
    while True:
        if values.get() is None:
            said.send(None)


async def _serve_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    decode = msgspec.msgpack.Decoder(tuple[bytes, int]).decode
    try:
        while True:
            (size,) = struct.unpack("<I", await reader.readexactly(4))
            data = msgspec.msgpack.encode(work(*decode(await reader.readexactly(size))))
            writer.write(struct.pack("<I", len(data)) + data)
    except asyncio.IncompleteReadError:
        writer.close()


def stream(path: str, started: Any) -> None:
    """Request and reply over asyncio's streams."""

    async def main() -> None:
        server = await asyncio.start_unix_server(_serve_stream, path)
        started.send(None)
        await server.serve_forever()

    asyncio.run(main())


def zmq_reply(address: str, started: Any) -> None:
    """Request and reply over pyzmq: answers REQ, and DEALER with many in flight."""
    import zmq

    decode = msgspec.msgpack.Decoder(tuple[bytes, int]).decode
    socket = zmq.Context().socket(zmq.ROUTER)
    socket.bind(address)
    started.send(None)
    while True:
        *envelope, data = socket.recv_multipart()
        if not data:
            return
        socket.send_multipart([*envelope, msgspec.msgpack.encode(work(*decode(data)))])


def zmq_pull(address: str, said: Any) -> None:
    """Takes values from PUSH; after each empty one it says so."""
    import zmq

    socket = zmq.Context().socket(zmq.PULL)
    socket.bind(address)
    said.send(None)
    while True:
        if not socket.recv():
            said.send(None)


def grpc(address: str, started: Any) -> None:
    """A unary call, with msgpack instead of generated classes."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc as g

    decode = msgspec.msgpack.Decoder(tuple[bytes, int]).decode

    def handle(request: tuple[bytes, int], context: Any) -> int:
        return work(*request)

    method = g.unary_unary_rpc_method_handler(handle, decode, msgspec.msgpack.encode)
    server = g.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((g.method_handlers_generic_handler("bench", {"work": method}),))
    server.add_insecure_port(address)
    server.start()
    started.send(None)
    server.wait_for_termination()
