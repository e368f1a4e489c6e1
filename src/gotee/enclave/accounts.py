"""`pwd`, `grp` and `getpass` inside, where the host's accounts are not known. Enclave world; `later` uses this."""

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


def change_getpass(module: Any) -> None:
    """`getpass.getuser`, which asks the environment first."""
    real = module.getuser

    def getuser() -> Any:
        try:
            return real()
        except (KeyError, OSError):
            raise NoAccount(
                'getpass.getuser finds no user inside: put env = ["USER"] into [tool.gotee.ocalls], or send it in'
            ) from None

    module.getuser = getuser


def change_grp(module: Any) -> None:
    """`grp.getgrgid` and `getgrnam`."""
    module.getgrgid = _refusing("grp.getgrgid")
    module.getgrnam = _refusing("grp.getgrnam")


def _refusing(name: str) -> Any:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise NoAccount(
            f"{name} does not work inside, as accounts are the host's: ask outside, and send in what it says"
        )

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    return refuse
