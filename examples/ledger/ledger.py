"""A ledger that is kept inside: payments are read, checked, and written down with a tag that only the enclave can make.

    python ledger.py march april

Files, a variable of the environment, the time of day and logging are used inside as everywhere; pyproject.toml says
which. The host keeps the files and may change, cut or replace them: the tags show changed lines while the enclave runs,
whose key dies with it. The time is the host's word.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import logging
import os
import secrets
import sys
from datetime import UTC, datetime

from gotee import SecuredRoutineError, gosecure

BOOK = "book/entries.jsonl"
_key = secrets.token_bytes(32)  # each world has its own; this one is of use inside only
log = logging.getLogger("ledger")


def enter(month: str) -> tuple[int, int]:
    """Write the payments of a month into the book: how many, and the sum in cents."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if not month.isalpha():
        raise ValueError("a month is a word")
    os.makedirs("book", exist_ok=True)
    count = total = 0
    with open(f"payments/{month}.csv", newline="") as payments, open(BOOK, "a") as book:
        for row in csv.DictReader(payments):
            cents = int(row["cents"])
            if cents <= 0:
                log.warning("%s: %s cents to %s are no payment", month, cents, row["to"])
                continue
            entry = {
                "to": row["to"],
                "cents": cents,
                "currency": os.environ.get("LEDGER_CURRENCY", "EUR"),
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            book.write(json.dumps({**entry, "tag": tag(entry)}) + "\n")
            count, total = count + 1, total + cents
    log.info("%s: %d payments", month, count)
    return count, total


def check() -> int:
    """Read the book again; how many of its lines are not as they were written."""
    with open(BOOK) as book:
        entries = [json.loads(line) for line in book]
    return sum(not hmac.compare_digest(entry.pop("tag"), tag(entry)) for entry in entries)


def tag(entry: dict[str, object]) -> str:
    """What only this enclave can make of an entry."""
    return hmac.new(_key, json.dumps(entry, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def main() -> None:
    for month in sys.argv[1:] or ["march", "april"]:
        try:
            count, total = gosecure(enter, month).result()
        except SecuredRoutineError as error:
            sys.exit(f"{month!r} was not entered: {error}")
        print(f"{month}: {count} payments, {total} cents")
    print(f"{gosecure(check).result()} lines were changed, or are of an earlier run")


if __name__ == "__main__":
    main()
