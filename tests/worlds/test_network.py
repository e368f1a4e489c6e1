"""Sockets, TLS, selectors and asyncio streams inside an enclave, as far as the policy allows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from . import servers
from .authority import Authority
from .program import Ended, run, write_program

IMPORTS = "import http.client, select, selectors, socket, ssl, urllib.request\n"  # select: not gotee's


def policy(folder: Path, *rules: str) -> None:
    listed = ", ".join(f'"{rule}"' for rule in rules)
    (folder / "pyproject.toml").write_text(f"[tool.gotee.ocalls]\nnetwork = [{listed}]\n")


def program(folder: Path, source: str, *words: object, files: dict[str, str] | None = None) -> list[str]:
    """The lines that a program prints which ends well."""
    file = write_program(folder, IMPORTS + textwrap.dedent(source), files)
    ended: Ended = run(file, *map(str, words))
    assert (ended.status, ended.errors) == (0, ""), ended
    return ended.lines


REFUSED = {
    "a name": ("socket.create_connection(('example.com', 443))", "connect:tcp:example.com:443"),
    "an address": ("socket.create_connection(('192.0.2.1', 80))", "connect:tcp:192.0.2.1:80"),
    "an address of IPv6": ("socket.create_connection(('2001:db8::1', 80))", "connect:tcp:[2001:db8::1]:80"),
    "another port": ("socket.create_connection(('127.0.0.1', 2))", "connect:tcp:127.0.0.1:2"),
    "an address that only resembles a listed one": (
        "socket.create_connection(('127.0.0.10', 1))",
        "connect:tcp:127.0.0.10:1",
    ),
    "datagrams": (
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 1))",
        "connect:udp:127.0.0.1:1",
    ),
    "listening": ("socket.create_server(('127.0.0.1', 1))", "listen:tcp:127.0.0.1:1"),
    "listening to everybody": ("socket.create_server(('', 8080))", "listen:tcp:0.0.0.0:8080"),
    "HTTPS": ("urllib.request.urlopen('https://api.example.com/x')", "connect:tcp:api.example.com:443"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_policy_does_not_list_is_refused_with_the_line_to_add(tmp_path: Path, what: str) -> None:
    policy(tmp_path, "connect:tcp:127.0.0.1:1")
    call, rule = REFUSED[what]
    lines = program(
        tmp_path,
        f"""
        from gotee.errors import OcallRefused

        def attempt() -> str:
            try:
                {call}
            except OcallRefused as error:
                return error.line
            except OSError as error:  # socket.create_server and urllib raise others, with what it says
                return str(error).partition("put ")[2].partition(" into")[0]
            return "done"

        def main() -> None:
            print(gosecure(attempt).result())
        """,
    )
    assert lines == [f'network = ["connect:tcp:127.0.0.1:1", "{rule}"]']


def test_a_rule_with_a_name_allows_the_addresses_that_it_got_and_no_others(tmp_path: Path) -> None:
    with servers.echo() as port:
        policy(tmp_path, f"connect:tcp:localhost:{port}")
        lines = program(
            tmp_path,
            """
            def attempt(host: str, port: int) -> str:
                try:
                    with socket.create_connection((host, port), timeout=10) as s:
                        s.sendall(b"hello\\n")
                        return s.recv(100).decode().strip()
                except PermissionError as error:
                    return "refused"

            def main() -> None:
                port = int(sys.argv[1])
                print(gosecure(attempt, "127.0.0.1", port).result())
                print(gosecure(attempt, "localhost", port).result())
                print(gosecure(attempt, "127.0.0.1", port).result())
                print(gosecure(attempt, "127.0.0.2", port).result())
            """,
            port,
        )
    assert lines == ["refused", "HELLO", "HELLO", "refused"]


TRUST = """\
import pkgutil, ssl

def trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=pkgutil.get_data("trust", "ca.pem").decode())
"""


@contextmanager
def private_pages(folder: Path) -> Iterator[int]:
    """The port of a server whose authority the program's package `trust` knows, and nobody else."""
    authority = Authority()
    certificate = authority.issue(folder / "server.pem", "localhost")
    (folder / "trust").mkdir()
    (folder / "trust" / "__init__.py").write_text(TRUST)
    authority.write(folder / "trust" / "ca.pem")
    with servers.pages(certificate) as port:
        policy(folder, f"connect:tcp:localhost:{port}")
        yield port


def test_https_with_a_private_authority(tmp_path: Path) -> None:
    with private_pages(tmp_path) as port:
        lines = program(
            tmp_path,
            """
            from trust import trusted

            def over_client(port: int) -> str:
                connection = http.client.HTTPSConnection("localhost", port, context=trusted(), timeout=20)
                answers = []
                for path in ("/a", "/b"):
                    connection.request("GET", path)
                    answers.append(connection.getresponse().read().decode().strip())
                return ", ".join(answers)

            def over_urllib(port: int) -> str:
                with urllib.request.urlopen(f"https://localhost:{port}/c", context=trusted(), timeout=20) as answer:
                    return answer.read().decode().strip()

            async def over_streams(port: int) -> str:
                reader, writer = await asyncio.open_connection("localhost", port, ssl=trusted())
                writer.write(b"GET /d HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
                await writer.drain()
                text = (await reader.read()).decode()
                writer.close()
                await writer.wait_closed()
                return text.splitlines()[-1]

            def over_asyncio_run(port: int) -> str:
                return asyncio.run(over_streams(port))

            def over_threads(port: int) -> str:
                from concurrent.futures import ThreadPoolExecutor
                with ThreadPoolExecutor(8) as pool:
                    return " ".join(sorted(set(pool.map(over_urllib, [port] * 16))))

            def untrusting(port: int) -> str:
                try:
                    urllib.request.urlopen(f"https://localhost:{port}/e", context=ssl.create_default_context())
                except OSError as error:
                    return type(error.reason).__name__
                return "trusted"

            def main() -> None:
                port = int(sys.argv[1])
                print(gosecure(over_client, port).result())
                print(gosecure(over_urllib, port).result())
                print(gosecure(over_streams, port).result())
                print(gosecure(over_asyncio_run, port).result())
                print(gosecure(over_threads, port).result())
                print(gosecure(untrusting, port).result())
            """,
            port,
        )
    assert lines == ["page /a, page /b", "page /c", "page /d", "page /d", "page /c", "SSLCertVerificationError"]


def test_httpx_works_inside(tmp_path: Path) -> None:
    pytest.importorskip("httpx")
    with private_pages(tmp_path) as port:
        lines = program(
            tmp_path,
            """
            import httpx
            from trust import trusted

            def plainly(url: str) -> str:
                with httpx.Client(verify=trusted(), trust_env=False) as client:
                    return client.get(url).text.strip()

            async def asynchronously(url: str) -> str:
                async with httpx.AsyncClient(verify=trusted(), trust_env=False) as client:
                    answers = await asyncio.gather(*(client.get(url) for _ in range(5)))
                    return " ".join({answer.text.strip() for answer in answers})

            def main() -> None:
                print(gosecure(plainly, f"https://localhost:{sys.argv[1]}/x").result())
                print(gosecure(asynchronously, f"https://localhost:{sys.argv[1]}/y").result())
            """,
            port,
        )
    assert lines == ["page /x", "page /y"]


def test_waiting_timeouts_and_selectors(tmp_path: Path) -> None:
    with servers.echo() as port:
        policy(tmp_path, "connect:tcp:127.0.0.0/8:*")
        lines = program(
            tmp_path,
            """
            def patience(port: int) -> list[str]:
                said = []
                s = socket.create_connection(("127.0.0.1", port))
                s.settimeout(0.02)
                for attempt in (lambda: s.recv(1), lambda: (s.setblocking(False), s.recv(1))):
                    try:
                        attempt()
                    except OSError as error:
                        said.append(type(error).__name__)
                said.append(str(select.select([s], [s], [s], 0) == ([], [s], [])))
                with selectors.DefaultSelector() as selector:
                    selector.register(s, selectors.EVENT_READ, "data")
                    said.append(str(selector.select(0.01)))
                    s.send(b"x\\n")
                    [(key, events)] = selector.select(20)
                    said.append(f"{key.data} {events}")
                said.append(str(s.recv(10, socket.MSG_PEEK)) + str(s.recv(1)) + str(s.recv(10)))
                s.setblocking(True)
                s.shutdown(socket.SHUT_WR)
                said.append(str(s.recv(10)))
                s.close()
                try:
                    s.send(b"x")
                except OSError as error:
                    said.append(error.strerror)
                return said

            def nobody() -> list[str]:
                said = []
                closed = socket.socket()
                try:
                    closed.connect(("127.0.0.1", 1))
                except ConnectionRefusedError as error:
                    said.append(error.strerror)
                said.append(str(closed.connect_ex(("127.0.0.1", 1)) != 0))
                closed.close()
                return said

            def main() -> None:
                print(*gosecure(patience, int(sys.argv[1])).result(), sep="\\n")
                print(*gosecure(nobody).result(), sep="\\n")
            """,
            port,
        )
    assert lines == [
        "TimeoutError",
        "BlockingIOError",
        "True",
        "[]",
        "data 1",
        "b'X\\n'b'X'b'\\n'",
        "b''",
        "Bad file descriptor",
        "Connection refused",
        "True",
    ]


def test_datagrams_and_pairs(tmp_path: Path) -> None:
    with servers.datagrams() as port:
        policy(tmp_path, f"connect:udp:127.0.0.1:{port}")
        lines = program(
            tmp_path,
            """
            def datagram(port: int) -> str:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.settimeout(20)
                    s.sendto(b"hello", ("127.0.0.1", port))
                    data, sender = s.recvfrom(100)
                    return f"{data!r} {sender == ('127.0.0.1', port)}"

            def fill(end: socket.socket) -> None:
                end.sendall(b"x" * 200_000)
                end.close()

            def pair() -> int:
                left, right = socket.socketpair()
                go(fill, left)
                total = 0
                while data := right.recv(5000):
                    total += len(data)
                return total

            def main() -> None:
                print(gosecure(datagram, int(sys.argv[1])).result())
                print(gosecure(pair).result())
            """,
            port,
        )
    assert lines == ["b'HELLO' True", "200000"]


def test_servers_inside(tmp_path: Path) -> None:
    policy(tmp_path, "listen:tcp:127.0.0.1:0")
    lines = program(
        tmp_path,
        """
        def serve(port: Chan[int], clients: int) -> int:
            total = 0

            def handle(connection: socket.socket) -> int:
                with connection, connection.makefile("rwb") as stream:
                    size = 0
                    for line in stream:
                        stream.write(line.upper())
                        stream.flush()
                        size += len(line)
                    return size

            with socket.create_server(("127.0.0.1", 0)) as listening:
                port.send(listening.getsockname()[1])
                routines = [go(handle, listening.accept()[0]) for _ in range(clients)]
                return sum(routine.result() for routine in routines)

        async def serve_one(port: Chan[int]) -> str:
            ended = asyncio.Event()

            async def handle(reader, writer):
                writer.write((await reader.readline()).upper())
                await writer.drain()
                writer.close()
                ended.set()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            await port.asend(server.sockets[0].getsockname()[1])
            await ended.wait()
            server.close()
            return "ended"

        def main() -> None:
            port = Chan[int](1)
            routine = gosecure(serve, port, 20)
            to = ("127.0.0.1", port.recv())
            clients = [socket.create_connection(to) for _ in range(20)]
            for client in clients:
                client.sendall(b"abc\\n" * 10)
                client.shutdown(socket.SHUT_WR)
            answers = {client.makefile("rb").read() for client in clients}
            print(routine.result(), answers == {b"ABC\\n" * 10})
            routine = gosecure(serve_one, port)
            with socket.create_connection(("127.0.0.1", port.recv())) as client:
                client.sendall(b"abc\\n")
                print(client.makefile("rb").read(), routine.result())
        """,
    )
    assert lines == ["800 True", "b'ABC\\n' ended"]


def test_a_tls_server_inside_and_its_client_inside(tmp_path: Path) -> None:
    authority = Authority()
    authority.issue(tmp_path / "server.pem", "localhost")
    authority.write(tmp_path / "ca.pem")
    (tmp_path / "pyproject.toml").write_text(
        """
        [tool.gotee]
        include = ["server.pem", "ca.pem"]
        [tool.gotee.ocalls]
        network = ["listen:tcp:127.0.0.1:0", "connect:tcp:127.0.0.0/8:*"]
        """
    )
    lines = program(
        tmp_path,
        """
        def serve(port: Chan[int]) -> str:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain("server.pem")
            with socket.create_server(("127.0.0.1", 0)) as listening:
                port.send(listening.getsockname()[1])
                plain, _ = listening.accept()
                secure = context.wrap_socket(plain, server_side=True)
                secure.sendall(secure.recv(100).upper())
                version = secure.version()
                with secure.unwrap() as rest:
                    rest.sendall(b"plain")  # at once: it may come together with the goodbye
                return str(version)

        def talk(port: int) -> bytes:
            context = ssl.create_default_context(cafile="ca.pem")
            with socket.create_connection(("127.0.0.1", port)) as plain:
                secure = context.wrap_socket(plain, server_hostname="localhost")
                secure.sendall(b"hello")
                data = secure.recv(100)
                with secure.unwrap() as rest:
                    return data + rest.recv(100)

        def main() -> None:
            port = Chan[int](1)
            server = gosecure(serve, port)
            print(gosecure(talk, port.recv()).result(), server.result())
        """,
    )
    assert lines == ["b'HELLOplain' TLSv1.3"]


def test_hundreds_of_routines_wait_for_sockets_at_the_same_time(tmp_path: Path) -> None:
    with servers.echo() as port:
        policy(tmp_path, f"connect:tcp:127.0.0.1:{port}")
        lines = program(
            tmp_path,
            """
            def talk(port: int, number: int, all_wait: Chan[bool], said: Chan[bool]) -> int:
                with socket.create_connection(("127.0.0.1", port)) as s:
                    reader = go(s.recv, 100)
                    sleep(0)
                    said.send(True)
                    all_wait.recv_ok()  # until everybody is connected and has begun to read
                    s.sendall(b"%d\\n" % number)
                    return int(reader.result())

            def everybody(port: int, count: int) -> int:
                all_wait, said = Chan[bool](), Chan[bool](count)
                routines = [go(talk, port, number, all_wait, said) for number in range(count)]
                for _ in range(count):
                    said.recv()
                all_wait.close()
                return sum(routine.result() for routine in routines)

            def main() -> None:
                print(gosecure(everybody, int(sys.argv[1]), 300).result())
            """,
            port,
        )
    assert lines == [str(sum(range(300)))]


def test_a_timeout_takes_nothing_with_it(tmp_path: Path) -> None:
    with servers.echo() as port:
        policy(tmp_path, f"connect:tcp:127.0.0.1:{port}")
        lines = program(
            tmp_path,
            """
            def give_up(port: int) -> bytes:
                with socket.create_connection(("127.0.0.1", port)) as s:
                    got = b""
                    for _ in range(20):
                        reader = go(s.recv, 100)
                        sleep(0)
                        s.sendall(b"x\\n")
                        reader.cancel()
                        try:
                            got += reader.result()
                        except Cancelled:
                            pass
                    s.shutdown(socket.SHUT_WR)
                    while data := s.recv(100):
                        got += data
                    return got

            def main() -> None:
                print(gosecure(give_up, int(sys.argv[1])).result() == b"X\\n" * 20)
            """,
            port,
        )
    assert lines == ["True"]


def test_what_cannot_work_inside_says_so(tmp_path: Path) -> None:
    assert program(
        tmp_path,
        """
        def sentences() -> list[str]:
            said = []
            for attempt in (
                lambda: socket.socket(socket.AF_UNIX),
                lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW),
                lambda: socket.gethostbyaddr("127.0.0.1"),
                lambda: hasattr(select, "epoll"),
                lambda: socket.getaddrinfo("127.0.0.1", "https", type=socket.SOCK_STREAM),
            ):
                try:
                    said.append(str(attempt()))
                except OSError as error:
                    said.append(f"{type(error).__name__}: {error}")
            return said

        def main() -> None:
            print(*gosecure(sentences).result(), sep="\\n")
        """,
    ) == [
        "NotInside: [Errno 1] sockets of the host's file system cannot be used inside: use tcp, or socketpair() "
        "between routines",
        "NotInside: [Errno 1] inside there are sockets of AF_INET and AF_INET6, SOCK_STREAM and SOCK_DGRAM",
        "herror: [Errno 1] Unknown host: inside, addresses are not turned into names",
        "False",
        "[(<AddressFamily.AF_INET: 2>, <SocketKind.SOCK_STREAM: 1>, 6, '', ('127.0.0.1', 443))]",
    ]
