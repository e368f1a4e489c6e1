"""What files and sockets of the host keep of the direct speed: 1 GiB written to a file, 256 MiB and requests over TCP.

    cd benchmarks && gotee run bandwidth.py [MIB]

The same functions run outside and inside, in turns, three rounds. A file `written-bandwidth/file` is made and removed.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time

from gotee import gosecure

FILE = "written-bandwidth/file"
ROUNDS = 3
REQUESTS = 3000
SERVER = """
import socket, sys
size, requests = map(int, sys.argv[1:])
listener = socket.create_server(("127.0.0.1", 7793))
print("ready", flush=True)
while True:
    peer, _ = listener.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(bytes(size))
    for _ in range(requests):
        peer.sendall(peer.recv(64))
"""


def write(piece: int, size: int) -> int:
    """Write so many bytes; the most memory of this process until now, in KiB."""
    data = bytes(piece)
    with open(FILE, "wb") as file:
        for _ in range(size // piece):
            file.write(data)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def talk(size: int, requests: int) -> tuple[float, float]:
    """Receive so many bytes, then ask and be answered so often; seconds of both."""
    with socket.create_connection(("127.0.0.1", 7793)) as peer:
        start = time.monotonic()
        got = 0
        while got < size:
            got += len(peer.recv(1 << 18))
        middle = time.monotonic()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(requests):
            peer.sendall(bytes(64))
            peer.recv(64)
        return middle - start, time.monotonic() - middle


def files(size: int) -> None:
    gosecure(write, 4096, 4096).result()  # the enclave runs
    for piece in (1 << 20, 64 << 10):
        for _ in range(ROUNDS):
            start = time.perf_counter()
            write(piece, size)
            middle = time.perf_counter()
            memory = gosecure(write, piece, size).result()
            inside = time.perf_counter() - middle
            print(f"pieces of {piece >> 10} KiB: {(middle - start) / inside:.2f} of direct, {memory >> 10} MiB inside")


def sockets(size: int) -> None:
    for _ in range(ROUNDS):
        plain, secured = talk(size, REQUESTS), gosecure(talk, size, REQUESTS).result()
        print(f"TCP: {plain[0] / secured[0]:.2f} of direct, a request takes {secured[1] / plain[1]:.2f} times direct")


def main() -> None:
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    os.makedirs(os.path.dirname(FILE), exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(mebibytes << 18), str(REQUESTS)], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        files(mebibytes << 20)
        sockets(mebibytes << 18)
    finally:
        server.kill()
        server.wait()
        if os.path.exists(FILE):
            os.remove(FILE)
        os.rmdir(os.path.dirname(FILE))


if __name__ == "__main__":
    main()
