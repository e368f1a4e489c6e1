"""`pwd` and `grp` inside: the host's accounts are not there, and who asks is told. Enclave world; `later` uses this."""

from __future__ import annotations

from gotee.errors import NotInside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class NoAccount(NotInside, KeyError):
    """The accounts of the host are not known inside. A KeyError, too, as those who ask expect."""


def change_pwd(module: Any) -> None:
    """`pwd.getpwuid` and `getpwnam`, which getpass, pathlib and shutil use."""
    module.getpwuid = _refusing("pwd.getpwuid")
    module.getpwnam = _refusing("pwd.getpwnam")


def change_grp(module: Any) -> None:
    """`grp.getgrgid` and `getgrnam`."""
    module.getgrgid = _refusing("grp.getgrgid")
    module.getgrnam = _refusing("grp.getgrnam")


def _refusing(name: str) -> Any:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise NoAccount(
            f"{name} does not work inside, as accounts are the host's: ask outside and send what it says in, or name a "
            'variable, such as env = ["USER"] in [tool.gotee.ocalls] for getpass.getuser()'
        )

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    return refuse
