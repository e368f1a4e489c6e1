"""The rules of the protocol, each as: the mutant that leaves it out, the program that then goes wrong, and how.

Test world only; read by test_rules.py. Every program is checked to be sound with the rule in place. `wrong` is part
of the violation the checker must report; "missing" means that a behaviour of Go can no longer happen (rule 8).
"""

from __future__ import annotations

from typing import NamedTuple

from .program import Program, program


class Rule(NamedTuple):
    number: str
    mutant: str
    program: Program
    wrong: str
    says: str


NO_SUCH = "Go has no such outcome"
ENDS = "the enclave ends"

RULES = [
    Rule(
        "1",
        "answers_wait_for_their_routine",
        program("x=1 y=0 t=1", H="x!1; y!9", E="t!3; x? | t? | default", E2="y?; t?"),
        NO_SUCH,
        "x is filled before y speaks, and t is emptied only after it: default is never right",
    ),
    Rule(
        "1 (look again)",
        "none_does_not_look",
        program("x=0 t=1", E="t!3; x? | t? | default"),
        NO_SUCH,
        "t holds a value for ever, yet default is chosen",
    ),
    Rule(
        "1 (leave and match)",
        "leaving_does_not_match",
        program("x=0 t=1", H="x!1", E="x? | t?", E2="t?", E3="t!5"),
        NO_SUCH,
        "the first receiver of t was being cancelled for the value 5 when x took it away; the second is never told",
    ),
    Rule(
        "2 (covers all)",
        "partial_none_is_enough",
        program("x=0 y=1 t=1", E="y!7; t!3; x? | y? | t? | default", E2="t?"),
        NO_SUCH,
        "the NONE was about x alone; y is ready for ever",
    ),
    Rule(
        "2 (after a failed claim)",
        "old_none_is_enough",
        program("x=1 y=0 t=0 u=1", H="x!1; y!2; y!4", E="u!9; x? | t? | u? | default", E2="y? | t!5", E3="y?; u?"),
        NO_SUCH,
        "the NONE for x was heard while u held 9; x is filled before u is emptied, then the claim on t fails",
    ),
    Rule(
        "3 (cancel first)",
        "claim_does_not_cancel",
        program("x=0 t=0", H="x!1", E="x? | t?", E2="t!5"),
        ENDS,
        "the host's GRANT arrives for a waiter that met inside: 1 is lost",
    ),
    Rule(
        "3 (match again)",
        "no_rematch",
        program("x=0 t=0", H="x!1", E="x? | t?", E2="t!5", E3="t?"),
        NO_SUCH,
        "the sender on t is held behind a waiter that left with x; the second receiver never meets it",
    ),
    Rule(
        "3 (register again)",
        "cancelled_stays_inside",
        program("x=0 t=0", H="x!1", E="x? | t?", E2="t!5 | timeout"),
        NO_SUCH,
        "the sender times out; the receiver, no longer in the host's queue, never hears of x",
    ),
    Rule(
        "3 (ignored CANCEL)",
        "cancel_always_answered",
        program("x=0", H="x!1", E="x? | timeout"),
        ENDS,
        "GRANT and CANCEL cross; a CANCELLED for a finished op follows",
    ),
    Rule(
        "4",
        "close_wakes_at_once",
        program("x=0 t=0", H="x!1", E="x? | t?", E2="close t"),
        ENDS,
        "the waiter saw the close; the GRANT arrives for a finished op and 1 is lost",
    ),
    Rule(
        "5 (wait for the answer)",
        "timeout_does_not_wait",
        program("x=0", H="x!1", E="x? | timeout"),
        ENDS,
        "GRANT and CANCEL cross: 1 is lost",
    ),
    Rule(
        "5 (try outside once)",
        "timeout_untried",
        program("x=1 y=0 t=0", E="x!7; t!1 | x? | timeout", E2="y? | t?"),
        NO_SUCH,
        "it times out while held behind a claim, and x, ready for ever, was never asked for",
    ),
    Rule(
        "6 (two non-blocking)",
        "nonblocking_meet",
        program("x=0 t=0", E="x? | t?", E2="t!1 | default", E3="t? | default"),
        NO_SUCH,
        "two non-blocking operations meet because one is held for a moment",
    ),
    Rule(
        "6 (held is not parked)",
        "held_is_parked",
        program("x=0 y=1 t=0", E="x? | t?", E2="y!7; t!1 | y?", E3="t? | default"),
        NO_SUCH,
        "a select whose y is ready for ever never parks; a non-blocking receive meets it all the same",
    ),
    Rule(
        "7 (deposit, then cancel)",
        "deposit_wakes_at_once",
        program("x=0 t=1", H="x!1", E="x? | t?", E2="t!5"),
        ENDS,
        "the value is handed over with the outside op still out: the GRANT loses 1",
    ),
    Rule(
        "7 (non-blocking may wait)",
        "nonblocking_does_not_claim",
        program("x=0 t=0", E="x? | t?", E2="t!5 | default"),
        "missing",
        "a non-blocking send can never meet a receiver that also listens outside: polling never ends",
    ),
    Rule(
        "8",
        "trusted_first",
        program("x=1 t=1", E="x!1; t!2; x? | t?"),
        "missing",
        "the stop channel x is never chosen while t has work",
    ),
]
VARIANTS = ["register_while_claiming", "cancel_ascending", "cancel_descending"]
