"""Calls whose peer is a constant are compared with the policy's network rules before anything runs."""

from __future__ import annotations

import ast

import pytest

from gotee.boundary.policy import Policy
from gotee.compiler.refusable_network import refused_peer, socket_method

RULES = [
    "connect:tcp:ok.example:443",
    "connect:tcp:*.wide.example:80-90",
    "connect:tcp:10.0.0.0/8:5",
    "listen:udp:[::1]:7",
]


def missing(call: str, rules: list[str]) -> list[str]:
    """The rules that the lines for this call add."""
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    name = socket_method(node) if call.startswith("s.") else ast.unparse(node.func)
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    found = refused_peer(name or "", node.args, keywords, Policy({"network": rules}))
    return [line.rpartition(", ")[2].strip('"]') for _, line in found]


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        ("socket.create_connection(('A.example.', 1))", "connect:tcp:a.example:1"),
        ("socket.create_connection(('ok.example', 80), 5)", "connect:tcp:ok.example:80"),
        ("socket.create_connection(address=('::1', 80))", "connect:tcp:[::1]:80"),
        ("socket.create_server(('', 5))", "listen:tcp:0.0.0.0:5"),
        ("asyncio.open_connection('a', port=6)", "connect:tcp:a:6"),
        ("asyncio.start_server(f, '127.0.0.1', 6)", "listen:tcp:127.0.0.1:6"),
        ("urllib.request.urlopen('https://a.example/x')", "connect:tcp:a.example:443"),
        ("urllib.request.urlopen(Request('http://a.example:81'))", "connect:tcp:a.example:81"),
        ("requests.get('http://a.example')", "connect:tcp:a.example:80"),
        ("http.client.HTTPSConnection('a.example', timeout=1)", "connect:tcp:a.example:443"),
        ("http.client.HTTPConnection('a.example:82')", "connect:tcp:a.example:82"),
        ("http.client.HTTPConnection('a.example', 83)", "connect:tcp:a.example:83"),
        ("s.connect(('11.0.0.1', 5))", "connect:tcp:11.0.0.1:5"),
        ("s.bind(('::1', 8, 0, 0))", "listen:tcp:[::1]:8"),
        ("s.sendto(b'', ('10.0.0.1', 5))", "connect:udp:10.0.0.1:5"),
    ],
)
def test_a_peer_that_no_rule_names_is_told_and_its_rule_allows_it(call: str, rule: str) -> None:
    assert missing(call, RULES) == [rule]
    assert missing(call, [*RULES, rule]) == []


@pytest.mark.parametrize(
    "call",
    [
        *("socket.create_connection(('ok.example', 443))", "urllib.request.urlopen('http://a.wide.example')"),
        *("s.connect(('10.1.2.3', 5))", "s.connect(('some.example', 5))", "s.bind(('::1', 7))"),
        *("socket.create_connection((host, 1))", "urllib.request.urlopen(url)", "urllib.request.urlopen('file:///x')"),
        *("http.client.HTTPConnection('a', port)", "asyncio.open_connection('a', port)", "s.send('x')"),
        *("urllib.request.urlopen('http://[')", "socket.create_connection()", "asyncio.open_connection(sock=s)"),
    ],
)
def test_nothing_is_said_of_what_is_allowed_or_not_known(call: str) -> None:
    assert missing(call, RULES) == []
