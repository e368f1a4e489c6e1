from __future__ import annotations

import contextlib

import pytest

from link.peer import KINDS, attach, make


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def pair(kind):
    """Both sides of a link in this process."""
    left, descriptors = make(kind)
    right = attach(kind, descriptors)
    with contextlib.closing(left), contextlib.closing(right):
        yield left, right
