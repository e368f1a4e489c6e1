"""`ssl` inside an enclave: TLS ends here, over a socket whose bytes the host carries. Enclave world.

Python's own `SSLSocket` gives OpenSSL a descriptor to read and write. Here OpenSSL works on memory, and what it reads
and writes there goes through the socket, so that a routine parks where a thread would block. Certificates, keys and
plain text stay inside; the host sees, delays and drops records, and changes are noticed.
"""

from __future__ import annotations

import _socket
import _ssl
import ssl
import threading
import weakref
from collections.abc import Callable
from typing import Any

from gotee.enclave import kernel
from gotee.errors import NotInside

_PIPE = 65536  # bytes that a pipe takes at least (pipe(7))
_CHUNK = 1 << 16  # bytes asked for at once: four of TLS's largest records


def install() -> None:
    """From now on `SSLContext` works so; called once, when `ssl` has been imported."""
    context: Any = ssl.SSLContext
    context._wrap_socket = _wrap_socket
    context.load_verify_locations = _load_verify_locations
    context.load_cert_chain = _load_cert_chain
    context.load_default_certs = _load_default_certs
    context.set_default_verify_paths = _load_default_certs
    context.keylog_filename = property(lambda context: None, _no_keylog)


# -- files: OpenSSL would look for them in the host's file system --------------------------------------------------


def _load_default_certs(context: ssl.SSLContext, purpose: object = None) -> None:
    """The host's authorities are not the image's: nobody is trusted who was not named."""


def _load_verify_locations(context: Any, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
    """Trust the authorities in a file that trusted code can read, or in `cadata`."""
    if capath is not None:
        raise NotInside("folders of authorities cannot be used inside: name a file, or give its text as cadata")
    if cafile is None and cadata is None:
        raise TypeError("cafile, capath and cadata cannot be all omitted")
    if cafile is not None:
        data = _read(cafile)
        _verify_locations(context, cadata=data.decode("ascii") if b"-----BEGIN" in data else data)
    if cadata is not None:
        _verify_locations(context, cadata=cadata)


def _load_cert_chain(context: Any, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
    """Take a certificate and its key from files that trusted code can read.

    OpenSSL reads keys from paths only, so it gets those of two pipes, which nobody else has.
    """
    certificate = _pipe_of(_read(certfile))
    try:
        key = _pipe_of(_read(certfile if keyfile is None else keyfile))
        try:
            _cert_chain(context, f"/proc/self/fd/{certificate}", f"/proc/self/fd/{key}", password)
        finally:
            kernel.close(key)
    finally:
        kernel.close(certificate)


def _no_keylog(context: ssl.SSLContext, path: Any) -> None:
    """The secrets of connections are for nobody else."""
    if path is not None:
        raise NotInside("the keys of TLS connections are not written to files from inside: leave keylog_filename out")


def _read(path: Any) -> bytes:
    with open(path, "rb") as file:
        data: bytes = file.read()
    return data


def _pipe_of(data: bytes) -> int:
    """The reading end of a pipe that holds all of `data`."""
    if len(data) > _PIPE:
        raise ValueError(f"a file of {len(data)} bytes is too large for a certificate or key")
    reading, writing = kernel.pipe()
    try:
        if kernel.write(writing, data) != len(data):
            raise BlockingIOError("a pipe takes less than it should")
    finally:
        kernel.close(writing)
    return reading


_verify_locations = _ssl._SSLContext.load_verify_locations
_cert_chain = _ssl._SSLContext.load_cert_chain


# -- connections ---------------------------------------------------------------------------------------------------


def _wrap_socket(
    context: ssl.SSLContext,
    sock: ssl.SSLSocket,
    server_side: bool,
    server_hostname: str | None = None,
    *,
    owner: object = None,
    session: ssl.SSLSession | None = None,
) -> _OverMemory:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inner = context._wrap_bio(  # type: ignore[attr-defined]
        incoming, outgoing, server_side=server_side, server_hostname=server_hostname, owner=owner, session=session
    )
    return _OverMemory(sock, inner, incoming, outgoing)


class _OverMemory:
    """What `SSLSocket` keeps as its `_sslobj`: the interface of `_ssl._SSLSocket`, over memory.

    Several routines may use it: what leaves is sent in the order in which it was made, what comes is taken in order.
    """

    def __init__(self, sock: ssl.SSLSocket, inner: Any, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self._sock = weakref.ref(sock)  # which holds this
        self._inner = inner
        self._incoming = incoming
        self._outgoing = outgoing
        self._unsent = b""
        self._taken = 0  # bytes of a write that is not through
        self._working = threading.Lock()
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._received = 0  # how often something came

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    # -- what SSLSocket calls and may block ------------------------------------------------------------------

    def do_handshake(self) -> None:
        """Shake hands."""
        self._perform(self._inner.do_handshake)

    def read(self, size: int, buffer: Any = None) -> Any:
        """Plain text, at most `size` bytes, or how many were put into `buffer`."""
        return self._perform(self._inner.read, *((size,) if buffer is None else (size, buffer)), reads=True)

    def write(self, data: Any) -> int:
        """Encrypt and send; returns how many bytes of `data` were taken.

        As OpenSSL does it: who gets SSLWantWriteError calls again with the same data, which then are not taken twice.
        """
        if not self._taken:
            self._taken = self._perform(self._inner.write, data, writes=True)
        self._flush()
        taken, self._taken = self._taken, 0
        return taken

    def shutdown(self) -> ssl.SSLSocket:
        """Say goodbye, and wait for the peer's."""
        self._perform(self._inner.shutdown)
        sock = self._socket()
        rest = self._incoming.read()
        if rest:  # what came behind the goodbye is plain, and the socket's again
            sock.unread(rest)  # type: ignore[attr-defined]  # of gotee.enclave.sockets.Socket
        return sock

    def verify_client_post_handshake(self) -> Any:
        """Ask a client of TLS 1.3 for its certificate."""
        return self._perform(self._inner.verify_client_post_handshake)

    # -- what it keeps --------------------------------------------------------------------------------------------

    @property
    def context(self) -> ssl.SSLContext:
        """The context; a server-name callback may change it."""
        context: ssl.SSLContext = self._inner.context
        return context

    @context.setter
    def context(self, context: ssl.SSLContext) -> None:
        self._inner.context = context

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session, to be resumed later."""
        session: ssl.SSLSession | None = self._inner.session
        return session

    @session.setter
    def session(self, session: ssl.SSLSession) -> None:
        self._inner.session = session

    # -- between OpenSSL's memory and the socket -----------------------------------------------------------------

    def _perform(self, operation: Callable[..., Any], *args: Any, reads: bool = False, writes: bool = False) -> Any:
        """Repeat what OpenSSL cannot do yet, with more bytes of the peer each time.

        On a socket that must not wait, what `reads` reads even if not all was sent, and what `writes` sends later.
        """
        while True:
            seen = self._received
            try:
                with self._working:
                    result = operation(*args)
            except ssl.SSLWantReadError:
                self._flush(reads)
                self._fill(seen)
            except ssl.SSLError:
                self._say_why()
                raise
            else:
                self._flush(reads or writes)
                return result

    def _say_why(self) -> None:
        """Send the alert that tells the peer what is wrong, if it can still be sent."""
        try:
            self._flush(True)
        except OSError:
            pass

    def _flush(self, later: bool = False) -> None:
        """Send what OpenSSL has written. A socket that must not wait keeps the rest; `later`: for the next call."""
        if not self._unsent and not self._outgoing.pending:
            return
        sock = self._socket()
        if sock.gettimeout() == 0:
            self._flush_at_once(sock, later)
            return
        with self._sending:
            data = self._unsent + self._outgoing.read()
            self._unsent = b""
            view = memoryview(data)
            while view:
                view = view[_socket.socket.send(sock, view) :]

    def _flush_at_once(self, sock: ssl.SSLSocket, later: bool) -> None:
        self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                self._unsent = self._unsent[_socket.socket.send(sock, self._unsent) :]
            except BlockingIOError:
                if later:
                    return
                raise ssl.SSLWantWriteError(
                    ssl.SSL_ERROR_WANT_WRITE, "The operation did not complete (write)"
                ) from None

    def _fill(self, seen: int) -> None:
        """Give OpenSSL what the peer has sent since `seen`."""
        sock = self._socket()
        if sock.gettimeout() == 0:
            self._receive(sock)
            return
        with self._receiving:
            if self._received == seen:  # else another routine has
                self._receive(sock)

    def _receive(self, sock: ssl.SSLSocket) -> None:
        try:
            data = _socket.socket.recv(sock, _CHUNK)
        except BlockingIOError:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "The operation did not complete (read)") from None
        self._received += 1
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _socket(self) -> ssl.SSLSocket:
        sock = self._sock()
        if sock is None:
            raise ValueError("the socket under this TLS connection is gone")
        return sock
