"""Everything of Python that leads outside, set up once. Enclave world; `main` calls `install`.

From then on files and the console are reached through ocalls, as far as the policy allows. The program's modules are
imported after that.
"""

from __future__ import annotations

import os
import sys
import time

from gotee.boundary.policy import Policy
from gotee.enclave import clock, environment, later
from gotee.enclave.imagefiles import ImageFiles
from gotee.enclave.keyboard import ConsoleFile, Lines, standard_input
from gotee.enclave.memoryfiles import MemoryFiles
from gotee.enclave.networking import prepare
from gotee.enclave.replacing import replace, replace_files
from gotee.enclave.server import Server
from gotee.enclave.system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def install(server: Server, policy: Policy) -> System:
    """Put the enclave's functions in the places of Python's."""
    ocalls = server.ocalls
    importer: Any = sys.meta_path[-1]
    system = System(ocalls, policy, ImageFiles(importer), MemoryFiles())
    lines = Lines(ocalls, policy)
    for number, stream in enumerate((None, sys.__stdout__, sys.__stderr__)):
        system.descriptors.put(number, ConsoleFile(lines, stream))
    replace_files(system)
    os.putenv("TZ", "UTC0")  # else the C library reads a file of the host for it; a TZ that the policy names wins
    environment.install(ocalls, policy)
    time.tzset()
    timing = clock.Clock(ocalls, policy)
    replace(clock.functions(timing))
    later.install(importer, system, timing)
    sys.stdin = sys.__stdin__ = standard_input(lines)  # type: ignore[misc]
    prepare(importer, policy, ocalls, system.descriptors)
    return system
