"""gotee: secured routines for Python. The public names and nothing else."""

from __future__ import annotations

import os

if not hasattr(__spec__.loader, "trusted_world"):
    from gotee import compiled

    compiled.install()
    from gotee.host import beside

    beside.begin()
    if "GOTEE_IMAGE" in os.environ:
        from gotee.host import ahead  # before the other imports: a platform takes as long to start as these

        ahead.begin()

from gotee.boundary.public_errors import public_error
from gotee.enclave.evidence import OwnEvidence, PlatformRefused, evidence
from gotee.enclave.sealing import UnsealError, seal, unseal
from gotee.errors import (
    BoundaryTypeError,
    Cancelled,
    ChannelClosed,
    CompileError,
    Deadlock,
    EnclaveLost,
    GoteeError,
    NotInside,
    OcallRefused,
    Overloaded,
    SecuredRoutineError,
    UsageError,
)
from gotee.runtime import worlds
from gotee.runtime.asynchronous import aselect, asleep
from gotee.runtime.channel import Chan
from gotee.runtime.routine import Routine, go
from gotee.runtime.scheduler import sleep, yield_now
from gotee.runtime.selecting import Recv, Selected, Send, select
from gotee.tee import gosecure

__version__ = "0.1.0.dev0"

__all__ = [
    "BoundaryTypeError",
    "Cancelled",
    "Chan",
    "ChannelClosed",
    "CompileError",
    "Deadlock",
    "EnclaveLost",
    "GoteeError",
    "NotInside",
    "OcallRefused",
    "Overloaded",
    "OwnEvidence",
    "PlatformRefused",
    "Recv",
    "Routine",
    "SecuredRoutineError",
    "Selected",
    "Send",
    "UnsealError",
    "UsageError",
    "aselect",
    "asleep",
    "evidence",
    "go",
    "gosecure",
    "public_error",
    "seal",
    "select",
    "sleep",
    "unseal",
    "yield_now",
]

if not worlds.inside():  # modules of a program that says `import gotee` may use the keyword form
    from gotee.host import beside
    from gotee.syntax.hook import install_for_main

    install_for_main()
    beside.library.give_way()
    del beside, install_for_main
    if "GOTEE_IMAGE" in os.environ:
        from gotee.host import ahead

        ahead.prepare()
        del ahead
del worlds
