"""Servers on this machine for programs under test. Test world only."""

from __future__ import annotations

import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


class _Datagrams(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(data.upper(), self.client_address)


class _Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"page {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        pass


class _Many(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: Any, address: Any) -> None:
        pass  # a client that goes away, or does not trust us, is none of the test's failures


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[index,misc]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def echo() -> Iterator[int]:
    """The port of a server that answers each line in capitals."""
    with _served(_Many(("127.0.0.1", 0), _Echo)) as port:
        yield port


@contextmanager
def datagrams() -> Iterator[int]:
    """The port of a server that answers each datagram in capitals."""
    with _served(socketserver.UDPServer(("127.0.0.1", 0), _Datagrams)) as port:
        yield port


class _Secure(_Many):
    context: ssl.SSLContext

    def get_request(self) -> tuple[socket.socket, Any]:
        plain, address = super().get_request()
        return self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address


@contextmanager
def pages(certificate: Path) -> Iterator[int]:
    """The port of an HTTPS server."""
    server = _Secure(("127.0.0.1", 0), _Pages)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(certificate)
    with _served(server) as port:
        yield port
