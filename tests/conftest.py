"""Where tests keep what gotee keeps for its user: in the repository's own cache, shared by the runs."""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path(__file__).parents[1] / ".pytest_cache" / "gotee"


def pytest_configure() -> None:
    """Programs that tests start inherit it."""
    os.environ["XDG_CACHE_HOME"] = str(HOME / "cache")
    os.environ["XDG_DATA_HOME"] = str(HOME / "data")
    os.environ["XDG_STATE_HOME"] = str(HOME / "state")
