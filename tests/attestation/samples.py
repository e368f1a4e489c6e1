"""Real evidence, and how the tests ask for a verdict on it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

EVIDENCE = Path(__file__).parent / "evidence"


def read(name: str) -> bytes:
    return (EVIDENCE / name).read_bytes()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
