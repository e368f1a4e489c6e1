"""`python -m gotee`: the same as the command `gotee`. Host world."""

from __future__ import annotations

import sys

from gotee.cli import main

if __name__ == "__main__":
    sys.exit(main())
