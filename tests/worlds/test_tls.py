"""TLS over memory and a socket behaves as Python's own, on both sides, blocking and not."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gotee.enclave import tls

from .authority import Authority

PATIENCE = 60.0  # seconds; nothing here takes long


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl.SSLContext, "_wrap_socket", tls._wrap_socket)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue(tmp_path / "server.pem", "localhost"))
    context.set_alpn_protocols(["one", "two"])
    return context


@pytest.fixture
def client(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.write(tmp_path / "ca.pem")))
    context.set_alpn_protocols(["two"])
    return context


class Pair:
    """Two connected sockets; the server's part runs in a thread whose failure is the test's."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(PATIENCE)
        self.theirs.settimeout(PATIENCE)
        self.failure: BaseException | None = None

    def serve(self, part: Callable[[socket.socket], object]) -> threading.Thread:
        def run() -> None:
            try:
                part(self.theirs)
            except BaseException as error:
                self.failure = error

        thread = threading.Thread(target=run)
        thread.start()
        return thread


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.ours.close()
    made.theirs.close()


def echo(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def part(plain: socket.socket) -> None:
        with context.wrap_socket(plain, server_side=True) as secure:
            while data := secure.recv(1 << 16):
                secure.sendall(data)

    return part


def test_both_sides_talk_and_know_each_other(pair: Pair, server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    thread = pair.serve(echo(server))
    with client.wrap_socket(pair.ours, server_hostname="localhost") as secure:
        assert isinstance(secure._sslobj, tls._OverMemory)  # type: ignore[attr-defined]
        assert secure.version() == "TLSv1.3"
        assert secure.selected_alpn_protocol() == "two"
        assert secure.getpeercert()["subject"] == ((("commonName", "localhost"),),)  # type: ignore[index]
        assert secure.cipher() is not None
        secure.sendall(b"hello")
        assert secure.recv(100) == b"hello"
        buffer = bytearray(3)
        secure.sendall(b"abc")
        assert secure.recv_into(buffer) == 3
        assert buffer == b"abc"
        assert secure.pending() == 0
    thread.join()
    assert pair.failure is None


def test_megabytes_both_ways_at_once(pair: Pair, server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    sent = bytes(range(256)) * 8192
    got = bytearray()

    def part(plain: socket.socket) -> None:
        with server.wrap_socket(plain, server_side=True) as secure:
            writer = threading.Thread(target=secure.sendall, args=(sent,))
            writer.start()
            mine = bytearray()
            while len(mine) < len(sent):
                mine += secure.recv(1 << 16)
            writer.join()
            assert mine == sent

    thread = pair.serve(part)
    with client.wrap_socket(pair.ours, server_hostname="localhost") as secure:
        writer = threading.Thread(target=secure.sendall, args=(sent,))
        writer.start()
        while len(got) < len(sent):
            got += secure.recv(1 << 16)
        writer.join()
    thread.join()
    assert (pair.failure, got) == (None, sent)


def test_a_socket_that_must_not_wait_says_what_it_wants(
    pair: Pair, server: ssl.SSLContext, client: ssl.SSLContext
) -> None:
    pair.ours.setblocking(False)
    secure = client.wrap_socket(pair.ours, server_hostname="localhost", do_handshake_on_connect=False)
    with pytest.raises(ssl.SSLWantReadError):
        secure.do_handshake()
    thread = pair.serve(echo(server))
    sent, got = b"x" * (4 << 20), 0

    def wait(operation: Callable[[], int]) -> int:
        while True:
            try:
                return operation()
            except ssl.SSLWantReadError:
                select.select([secure], [], [], PATIENCE)
            except ssl.SSLWantWriteError:
                select.select([secure], [secure], [], PATIENCE)

    wait(lambda: secure.do_handshake() or 0)
    view, wanted_write = memoryview(sent), False
    while got < len(sent):
        if view:
            try:
                view = view[secure.send(view[:65536]) :]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                wanted_write = True
        try:
            got += len(secure.recv(1 << 16))
        except ssl.SSLWantReadError:
            select.select([secure], [secure] if view else [], [], PATIENCE)
        except ssl.SSLWantWriteError:
            select.select([], [secure], [], PATIENCE)
    assert wanted_write
    secure.close()
    thread.join()
    assert pair.failure is None


def test_an_authority_that_is_not_trusted_is_refused_and_the_peer_is_told(
    pair: Pair, server: ssl.SSLContext, tmp_path: Path
) -> None:
    other = ssl.create_default_context(cafile=str(Authority("other").write(tmp_path / "other.pem")))
    thread = pair.serve(echo(server))
    with pytest.raises(ssl.SSLCertVerificationError):
        other.wrap_socket(pair.ours, server_hostname="localhost")
    thread.join()
    assert isinstance(pair.failure, ssl.SSLError)
    assert "alert" in str(pair.failure).lower()


def test_another_name_is_refused(pair: Pair, server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    thread = pair.serve(echo(server))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        client.wrap_socket(pair.ours, server_hostname="example.org")
    thread.join()


class Taking(ssl.SSLSocket):
    """A socket that takes back what was received too much, as those of an enclave do."""

    taken_back = b""

    def unread(self, data: bytes) -> None:
        self.taken_back = data


def test_unwrap_leaves_a_plain_socket_and_what_came_behind_the_goodbye(
    pair: Pair, server: ssl.SSLContext, client: ssl.SSLContext
) -> None:
    def part(plain: socket.socket) -> None:
        """A server whose goodbye and first plain bytes travel together."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secure = server.wrap_bio(incoming, outgoing, server_side=True)

        def perform(operation: Callable[[], object]) -> None:
            while True:
                try:
                    operation()
                    return
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    incoming.write(plain.recv(1 << 16))

        perform(secure.do_handshake)
        perform(lambda: secure.read(1))
        with pytest.raises(ssl.SSLWantReadError):
            secure.unwrap()
        plain.sendall(outgoing.read() + b"plain")

    client.sslsocket_class = Taking
    thread = pair.serve(part)
    secure = client.wrap_socket(pair.ours, server_hostname="localhost")
    assert isinstance(secure, Taking)
    secure.sendall(b"x")
    thread.join()
    rest = secure.unwrap()
    assert (pair.failure, rest.fileno(), secure.taken_back) == (None, secure.fileno(), b"plain")
    secure.close()


@pytest.mark.parametrize("suppressed", [True, False])
def test_a_connection_that_is_cut_is_told_from_one_that_ends(
    pair: Pair, server: ssl.SSLContext, client: ssl.SSLContext, suppressed: bool
) -> None:
    def part(plain: socket.socket) -> None:
        secure = server.wrap_socket(plain, server_side=True)
        secure.recv(1)
        secure.close()  # without a goodbye

    thread = pair.serve(part)
    with client.wrap_socket(pair.ours, server_hostname="localhost", suppress_ragged_eofs=suppressed) as secure:
        secure.sendall(b"x")
        if suppressed:
            assert secure.recv(10) == b""
        else:
            with pytest.raises(ssl.SSLEOFError):
                secure.recv(10)
    thread.join()


def test_timeouts_are_kept(pair: Pair, server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    done = threading.Event()

    def part(plain: socket.socket) -> None:
        with server.wrap_socket(plain, server_side=True):
            done.wait(PATIENCE)

    thread = pair.serve(part)
    with client.wrap_socket(pair.ours, server_hostname="localhost") as secure:
        secure.settimeout(0.01)
        with pytest.raises(TimeoutError):
            secure.recv(1)
        done.set()
    thread.join()
    assert pair.failure is None


def test_certificates_of_clients_names_and_sessions(
    pair: Pair, server: ssl.SSLContext, client: ssl.SSLContext, authority: Authority, tmp_path: Path
) -> None:
    server.load_verify_locations(str(authority.write(tmp_path / "again.pem")))
    server.verify_mode = ssl.CERT_REQUIRED
    asked: list[str | None] = []
    server.sni_callback = lambda secure, name, context: asked.append(name)  # type: ignore[assignment,func-returns-value]
    client.load_cert_chain(authority.issue(tmp_path / "client.pem", "me"))
    thread = pair.serve(echo(server))
    with client.wrap_socket(pair.ours, server_hostname="localhost") as secure:
        secure.sendall(b"x")
        assert secure.recv(1) == b"x"
        assert secure.session is not None
        assert secure.session_reused is False
        with pytest.raises(ValueError, match="channel binding"):
            secure.get_channel_binding("nonsense")
    thread.join()
    assert (pair.failure, asked) == (None, ["localhost"])
