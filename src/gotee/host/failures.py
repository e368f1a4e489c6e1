"""What the enclave says of a failure, as the exception that a caller gets. Host world.

All of it comes from the other world: a name is looked up among the program's own marked classes, details that are
encrypted for the developer are kept, unread, for `gotee explain`.
"""

from __future__ import annotations

from gotee.boundary.limits import FrameError
from gotee.boundary.messages import Kind, Message, unpack_error
from gotee.boundary.public_errors import decode_public
from gotee.errors import BoundaryTypeError, Cancelled, Overloaded, SecuredRoutineError
from gotee.host import explained

CALL, START, ROUTINE = 0, 1, 2  # what a HIDDEN message is about, as gotee.enclave.failures says it
_ID = 8  # bytes
HIDDEN = "hidden"  # the remote_type of a failure that an image for release does not tell


def failure_of(message: Message, name: str) -> BaseException:
    """The exception of a call of `name` that has no result."""
    if message.kind is Kind.CALL_CANCELLED:
        return Cancelled()
    if message.kind is Kind.OVERLOADED and message.argument:
        return Overloaded(
            f"the result of {name} is larger than the enclave's limits allow: send it through a channel in pieces, or "
            "raise frame-bytes, items or depth in [tool.gotee.limits]"
        )
    if message.kind is Kind.OVERLOADED:
        return Overloaded(
            f"the enclave refused a call of {name}: more routines, or larger arguments, than its limits allow; "
            "[tool.gotee.limits] sets them"
        )
    if message.kind is Kind.HIDDEN:
        return SecuredRoutineError(hidden(message), HIDDEN, message.payload[:_ID].hex())
    if message.kind is Kind.PUBLIC_FAILED:
        return _public(message.payload)
    if message.kind is Kind.REFUSED:
        kind, text = unpack_error(message.payload)
        return BoundaryTypeError(text, kind)
    return _failed(message)


def _failed(message: Message) -> SecuredRoutineError:
    """Type and message; behind them, in `argument` bytes, where it was, which an image for debugging tells."""
    end = max(len(message.payload) - message.argument, 0)
    kind, text = unpack_error(message.payload[:end])
    where = message.payload[end:].decode("utf-8", "replace")
    failed = SecuredRoutineError(f"{kind}: {text}" if text else kind, kind, text)
    if where:
        failed.add_note(f"inside, most recent call last:\n{where}")
    return failed


def _public(payload: bytes) -> BaseException:
    try:
        name, error = decode_public(payload)
    except (FrameError, BoundaryTypeError, Overloaded) as wrong:
        return SecuredRoutineError(f"a public error whose fields are not of their types: {wrong}")
    kind = name.rpartition(":")[2]
    said = SecuredRoutineError(
        f"{kind}: a public error that this world does not know: import its module before it is raised", kind
    )
    if error is None:
        return said
    error.__cause__ = SecuredRoutineError(f"{kind} was raised inside", kind)
    return error


def hidden(message: Message) -> str:
    """What users are told of a failure whose details are not for them."""
    number, details = message.payload[:_ID].hex(), message.payload[_ID:]
    if not details:
        return f"error {number}; this image tells no details: it names no error-key in [tool.gotee]"
    explained.keep(number, details)
    return f"error {number}; `gotee explain {number} --key KEY.pem` shows its details to whoever holds the image's key"
