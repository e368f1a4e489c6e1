"""What a platform tells the host of an enclave, as lines of JSON on the control socket. Platform world."""

from __future__ import annotations

import os

from gotee.boundary import plain_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gotee.platform.answers import Answers


def tell(control: int, news: dict[str, object]) -> None:
    """Tell the host, whose socket `control` is: why an image was refused, how the enclave ended."""
    data = plain_json.dumps(news) + b"\n"
    try:
        while data:
            data = data[os.write(control, data) :]
    except OSError:
        pass  # the host is gone: nobody to tell


def watch(ends: Iterable[int], last_words: int, heard: Callable[[bytes], None], answers: Answers) -> set[int]:
    """Wait until some of the descriptors `ends` have something to say, and return those.

    Meanwhile `heard` gets what comes on `last_words`, and the enclave gets answers. Raises ImageError if it needs a
    file that was changed.
    """
    import select

    news = select.poll()
    for descriptor in ends:
        news.register(descriptor, select.POLLIN)
    news.register(last_words, select.POLLIN)
    news.register(answers.descriptor, select.POLLIN)
    while {last_words, answers.descriptor} >= (ready := {descriptor for descriptor, _ in news.poll()}):
        if answers.descriptor in ready and not answers.answer():
            news.unregister(answers.descriptor)
        if last_words in ready:
            said = os.read(last_words, 1 << 16)
            if not said:
                news.unregister(last_words)
            heard(said)
    return ready.intersection(ends)


def drain(last_words: int, heard: Callable[[bytes], None]) -> None:
    """Give `heard` the rest of it; the enclave has ended."""
    while said := os.read(last_words, 1 << 16):
        heard(said)
