"""Room on the link for a new operation: who begins one parks while too much waits to be sent. Both worlds.

Answers do not come here: the operations that they answer bound them.
"""

from __future__ import annotations

from gotee.boundary.link import QUEUE_BYTES
from gotee.boundary.wire import Wire
from gotee.errors import Overloaded, UsageError
from gotee.runtime.parking import Ticket, check_may_block

MOST_BYTES = 16 * QUEUE_BYTES  # for those that cannot park


def wait_for_room(wire: Wire) -> None:
    """Park until the link has taken most of what waits for it.

    On the stack of a running event loop nobody can park: there Overloaded is raised, when much more waits.
    """
    while wire.full:
        try:
            check_may_block("await")
        except UsageError:
            if wire.queued_bytes <= MOST_BYTES:
                return
            raise Overloaded(
                f"{wire.queued_bytes} bytes wait to cross and this event loop cannot wait for them: "
                "await the results of some calls before starting more"
            ) from None
        ticket: Ticket[None] = Ticket()
        wire.when_room(ticket.give)
        ticket.wait("room on the link", None)
