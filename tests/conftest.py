"""Where tests keep what gotee keeps for its user, and how much the property tests try.

What is kept is in the repository's own cache, shared by the runs. Property tests try the same examples each time;
`make fuzz` sets GOTEE_FUZZ, and then so many times as many, other ones.
"""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

FUZZ = int(os.environ.get("GOTEE_FUZZ", "0"))
HOME = Path(__file__).parents[1] / ".pytest_cache" / "gotee"


def pytest_configure() -> None:
    """Programs that tests start inherit the environment."""
    settings.register_profile(
        "gotee",
        max_examples=100 * max(FUZZ, 1),
        derandomize=not FUZZ,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],  # of a busy machine
    )
    settings.load_profile("gotee")
    os.environ["XDG_CACHE_HOME"] = str(HOME / "cache")
    os.environ["XDG_DATA_HOME"] = str(HOME / "data")
    os.environ["XDG_STATE_HOME"] = str(HOME / "state")
