"""What a platform tells the host of an enclave, as lines of JSON on the control socket. Platform world."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Callable, Iterable


def tell(control: socket.socket, news: dict[str, object]) -> None:
    """Tell the host: why an image was refused, how the enclave ended."""
    try:
        control.sendall(json.dumps(news).encode() + b"\n")
    except OSError:
        pass  # the host is gone: nobody to tell


def watch(ends: Iterable[int], last_words: int, heard: Callable[[bytes], None]) -> None:
    """Wait until one of the descriptors `ends` has something to say; give `heard` what comes on `last_words`."""
    news = select.poll()
    for descriptor in ends:
        news.register(descriptor, select.POLLIN)
    news.register(last_words, select.POLLIN)
    while all(descriptor == last_words for descriptor, _ in news.poll()):
        said = os.read(last_words, 1 << 16)
        if not said:
            news.unregister(last_words)
        heard(said)


def drain(last_words: int, heard: Callable[[bytes], None]) -> None:
    """Give `heard` the rest of it; the enclave has ended."""
    while said := os.read(last_words, 1 << 16):
        heard(said)
