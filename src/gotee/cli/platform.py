"""`gotee platform`: what plays the processor for this user's enclaves. Host world.

`show` names its root, `reset` throws its keys away. Those of level service are in gotee.cli.service.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from gotee.cli import service
from gotee.errors import UsageError

EXIT_DECLINED = 1


def add_parser(verbs: argparse._SubParsersAction[Any]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("platform", help="show or reset the simulated processor", allow_abbrev=False)
    actions = parser.add_subparsers(dest="which", required=True, metavar="ACTION")
    shown = actions.add_parser(
        "show", help="print its root's key hash, which a policy names as simulation_root", allow_abbrev=False
    )
    shown.set_defaults(action=show)
    resetting = actions.add_parser("reset", help="throw its keys away, after asking", allow_abbrev=False)
    resetting.add_argument("--yes", action="store_true", help="do not ask: for scripts")
    resetting.set_defaults(action=reset)
    service.add_actions(actions)


def show(options: argparse.Namespace) -> int:
    """Print what a policy has to name to accept this simulation; it is made if there is none yet."""
    from gotee.platform.state import directory

    print(f"simulation_root  {simulation_root()}")
    print("level            development: no confidentiality or integrity against code of this user")
    print(f"keys in          {directory(os.environ)}")
    return 0


def simulation_root() -> str:
    """The SHA-256 of the root's public key, in hexadecimal. Raises UsageError if the keys cannot be kept or read."""
    from gotee.platform.quoting import authorities
    from gotee.platform.state import StateError, directory

    try:
        return authorities(directory(os.environ)).pin.hex()
    except StateError as error:
        raise UsageError(str(error)) from None


def reset(options: argparse.Namespace) -> int:
    """Ask, then forget. Exit status 1 if the answer is no."""
    from gotee.platform import state

    folder = state.directory(os.environ)
    if not state.held(folder):
        print(f"nothing to reset: no platform of this user has keys in {folder}")
        return 0
    if not options.yes and not _agreed(folder):
        print("nothing was changed", file=sys.stderr)
        return EXIT_DECLINED
    try:
        state.forget(folder)
    except OSError as error:
        raise UsageError(f"the keys in {folder} cannot be removed: {error.strerror}") from None
    print("reset: the next enclave that needs them gets new keys; running ones keep the old until they end")
    return 0


def _agreed(folder: str) -> bool:
    print(f"This removes the keys of this user's simulated processor in {folder}. What dies:")
    print("  - its identity: no policy that names this simulation_root accepts what runs here afterwards")
    print("  - everything that enclaves have sealed here: nobody can unseal it any more")
    print('Type "reset" to go on: ', end="", flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print()
        raise UsageError("nobody answers on standard input; in scripts, say `gotee platform reset --yes`")
    return answer.strip() == "reset"
