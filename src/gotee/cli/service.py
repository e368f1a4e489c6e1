"""`gotee platform install|run|status|uninstall`: the service, for enclaves of level service. Host world."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from gotee.cli._files import require_file
from gotee.errors import UsageError

if TYPE_CHECKING:
    from gotee.platform.service.settings import Settings

_END = "end it first (Ctrl-C, or SIGTERM to its first process)"
_OPTIONS = ("prefix", "state", "socket", "user", "enclave_uids")


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """Declare the four."""
    from gotee.platform.service.settings import FILE

    installing = actions.add_parser("install", help="install the service (root)", allow_abbrev=False)
    for name in _OPTIONS:
        count = {"nargs": 2, "type": int} if name == "enclave_uids" else {}
        installing.add_argument(f"--{name.replace('_', '-')}", help=f"see `{name}` of the settings", **count)
    installing.add_argument("--no-unit", action="store_true", help="write no unit file for systemd")
    installing.set_defaults(action=install)
    running = actions.add_parser("run", help="run the installed service in the foreground (root)", allow_abbrev=False)
    running.set_defaults(action=run)
    showing = actions.add_parser("status", help="say whether the service is there", allow_abbrev=False)
    showing.add_argument("--json", action="store_true", help="one JSON object, for other programs")
    showing.set_defaults(action=status)
    removing = actions.add_parser("uninstall", help="remove the service and its keys (root)", allow_abbrev=False)
    removing.add_argument("--yes", action="store_true", help="do not ask: for scripts")
    removing.add_argument("--remove-user", action="store_true", help="also the user that install made")
    removing.set_defaults(action=uninstall)
    for parser in (installing, running, showing, removing):
        parser.add_argument("--config", default=FILE, metavar="FILE", help=f"the settings; {FILE} if left out")


def install(options: argparse.Namespace) -> int:
    """Install, or install again."""
    from gotee.host import install as work
    from gotee.host import unit
    from gotee.host.service_status import ask
    from gotee.platform.service.settings import parse, read

    given = {name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None}
    if str(given.get("user", "")).isdigit():
        given["user"] = int(given["user"])
    settings = dataclasses.asdict(read(options.config))
    settings["enclave_uids"] = list(settings["enclave_uids"])
    chosen = parse({**settings, **given}, options.config)
    systemd = os.path.isdir(unit.RUNNING) and not options.no_unit
    if ask(chosen.socket)[0]:
        if not systemd:
            raise UsageError(f"the service runs: {_END}, then install, then start it again")
        _systemctl("stop", unit.NAME)  # its code is replaced; enclaves end and their hosts hear of it
    for line in work.install(chosen, options.config, units=unit.FOLDER if systemd else None):
        print(line)
    if systemd:
        _systemctl("daemon-reload")
        _systemctl("enable", "--now", unit.NAME)
        print(f"started {unit.NAME}")
    else:
        print("start it with `gotee platform run`, as root: no systemd runs this machine, or no unit was wanted")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    """Those of an installation. A file that is named has to be there: the defaults would be those of another one."""
    from gotee.platform.service.settings import FILE, read

    if options.config != FILE:
        require_file(options.config)
    return read(options.config)


def _systemctl(*words: str) -> None:
    subprocess.run([shutil.which("systemctl") or "systemctl", *words], check=True)


def run(options: argparse.Namespace) -> int:
    """Become the installed service: nothing of this user's Python runs in it."""
    from gotee.host.install import incomplete, installed, require_root

    settings = _settings(options)
    require_root("run")
    if installed(settings) is None:
        raise UsageError(f"nothing is installed in {settings.prefix}: `gotee platform install` first")
    if problem := incomplete(settings):
        raise UsageError(problem)
    command = f"{settings.prefix}/bin/gotee-platform"
    os.execve(command, [command, options.config], {})  # noqa: S606 - no shell is wanted


def status(options: argparse.Namespace) -> int:
    """Exit status 0: enclaves of level service can run now."""
    from gotee.host.service_status import look

    found = look(_settings(options))
    if options.json:
        print(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        print(f"installed  {f'gotee {found.version} in {found.prefix}' if found.installed else 'no'}")
        print(f"running    {f'on {found.socket}' if found.running else 'no'}")
        if found.running:
            print(f"enclaves   {found.enclaves}, {found.yours} of them of this user")
            print(f"kept       {found.kept or 'no'} interpreter that waits for the next enclave")
        if found.problem:
            print(f"problem    {found.problem}")
    return 1 if found.problem else 0


def uninstall(options: argparse.Namespace) -> int:
    """Remove what install made; keys are gone for good."""
    from gotee.host import install as work
    from gotee.host import unit
    from gotee.host.service_status import ask

    settings = _settings(options)
    work.require_root("uninstall")
    if not options.yes:
        print(f"This removes {settings.prefix} and the keys in {settings.state}: what was sealed cannot be unsealed.")
        print('Type "uninstall" to go on: ', end="", flush=True)
        if sys.stdin.readline().strip() != "uninstall":
            print("nothing was changed", file=sys.stderr)
            return 1
    made = work.installed(settings) or {}
    if made.get("unit") and os.path.isdir(unit.RUNNING):
        subprocess.run([shutil.which("systemctl") or "systemctl", "disable", "--now", unit.NAME], check=False)
    if ask(settings.socket)[0]:
        raise UsageError(f"the service runs: {_END}")
    for line in work.uninstall(settings, options.config, user=options.remove_user):
        print(line)
    return 0
