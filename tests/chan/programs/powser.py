"""After Go's test/chan/powser1.go (M. D. McIlroy, "Squinting at power series"): series as networks of routines.

A coefficient is computed when it is asked for. Here whoever reads a series closes its requests when it has had
enough; that travels up the network, so every routine ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from gotee import Chan, Recv, Send, go, select

if TYPE_CHECKING:
    from ..world import World

Rational = tuple[int, int]  # crosses between worlds as plain data

TERMS = 7


class Series(NamedTuple):
    requests: Chan[bool]
    terms: Chan[Rational]


def new_series() -> Series:
    return Series(Chan[bool](), Chan[Rational]())


# -- what the routines are made of -----------------------------------------------------------------


def get(u: Series) -> Fraction:
    u.requests.send(True)
    return Fraction(*u.terms.recv())


def put(out: Series, term: Fraction) -> None:
    out.terms.send((term.numerator, term.denominator))


def get_both(u: Series, v: Series) -> tuple[Fraction, Fraction]:
    """Ask both series at once and take the answers in any order."""
    both = (u, v)
    asked = [False, False]
    got: list[Fraction | None] = [None, None]
    while None in got:
        cases: list[Recv[Rational] | Send[bool]] = []
        for n, series in enumerate(both):
            if not asked[n]:
                cases.append(Send(series.requests, True))
            else:
                cases.append(Recv(series.terms if got[n] is None else None))
        selected = select(*cases)
        if asked[selected.index]:
            got[selected.index] = Fraction(*selected.value)
        else:
            asked[selected.index] = True
    first, second = got
    assert first is not None
    assert second is not None
    return first, second


def started(f: Callable[..., None], *args: Any) -> Series:
    """The series that a routine in this same world makes."""
    out = new_series()
    go(f, *args, out)
    return out


def forked(u: Series) -> tuple[Series, Series]:
    left, right = new_series(), new_series()
    go(fork, u, left, right)
    return left, right


# -- routines: every one serves `out` from its operands --------------------------------------------


def polynomial(coefficients: list[Rational], out: Series) -> None:
    rest = deque(coefficients)
    for _ in out.requests:
        put(out, Fraction(*rest.popleft()) if rest else Fraction(0))


def repeated(coefficient: Rational, out: Series) -> None:
    for _ in out.requests:
        put(out, Fraction(*coefficient))


def fork(u: Series, left: Series, right: Series) -> None:
    """Both get all terms of `u`, each at its own pace. The first that has had enough ends it.

    While it waits for a term it goes on serving those it has: in a feedback network `u` needs them for its next.
    """
    legs = (left, right)
    ahead: tuple[deque[Fraction], deque[Fraction]] = (deque(), deque())
    wanted = [False, False]
    asked = False
    while True:
        selected = select(
            Recv(None if wanted[0] else left.requests),
            Recv(None if wanted[1] else right.requests),
            Send(u.requests if any(wanted) and not asked else None, True),
            Recv(u.terms if asked else None),
        )
        if not selected.ok:
            break
        if selected.index < 2:
            wanted[selected.index] = True
        elif selected.index == 2:
            asked = True
        else:
            asked = False
            for terms in ahead:
                terms.append(Fraction(*selected.value))
        for n in (0, 1):
            if wanted[n] and ahead[n]:
                wanted[n] = False
                put(legs[n], ahead[n].popleft())
    u.requests.close()


def add(u: Series, v: Series, out: Series) -> None:
    for _ in out.requests:
        a, b = get_both(u, v)
        put(out, a + b)
    u.requests.close()
    v.requests.close()


def scale(factor: Rational, u: Series, out: Series) -> None:
    for _ in out.requests:
        put(out, Fraction(*factor) * get(u))
    u.requests.close()


def shift(constant: Rational, u: Series, out: Series) -> None:
    """constant + x * u"""
    if out.requests.recv_ok()[1]:
        put(out, Fraction(*constant))
        relay(u, out)
    else:
        u.requests.close()


def relay(u: Series, out: Series) -> None:
    for _ in out.requests:
        put(out, get(u))
    u.requests.close()


def differentiate(u: Series, out: Series) -> None:
    for power, _ in enumerate(out.requests, start=1):
        if power == 1:
            get(u)
        put(out, power * get(u))
    u.requests.close()


def integrate(constant: Rational, u: Series, out: Series) -> None:
    for power, _ in enumerate(out.requests):
        put(out, Fraction(*constant) if power == 0 else get(u) / power)
    u.requests.close()


def substitute_monomial(factor: Rational, degree: int, u: Series, out: Series) -> None:
    """u(factor * x**degree)"""
    weight = Fraction(1)
    for power, _ in enumerate(out.requests):
        if power % degree == 0:
            put(out, weight * get(u))
            weight *= Fraction(*factor)
        else:
            put(out, Fraction(0))
    u.requests.close()


def multiply(u: Series, v: Series, out: Series) -> None:
    """(a + x*u)(b + x*v) = a*b + x*(a*v + b*u + x*u*v)"""
    if not out.requests.recv_ok()[1]:
        u.requests.close()
        v.requests.close()
        return
    a, b = get_both(u, v)
    put(out, a * b)
    u1, u2 = forked(u)
    v1, v2 = forked(v)
    mixed = started(add, started(scale, b.as_integer_ratio(), u1), started(scale, a.as_integer_ratio(), v1))
    relay(started(add, mixed, started(shift, (0, 1), started(multiply, u2, v2))), out)


def reciprocal(u: Series, out: Series) -> None:
    """z with (a + x*u) * z = 1: z = 1/a - x * u * z / a, fed back into itself"""
    if not out.requests.recv_ok()[1]:
        u.requests.close()
        return
    inverse = 1 / get(u)
    put(out, inverse)
    back = new_series()
    product = started(multiply, u, started(shift, inverse.as_integer_ratio(), back))
    rest = started(scale, (-inverse).as_integer_ratio(), product)
    visible = new_series()
    go(fork, rest, visible, back)
    relay(visible, out)


def exponential(u: Series, out: Series) -> None:
    """z = e**u for a u without constant: z = 1 + integral of z * u', fed back into itself"""
    back = new_series()
    whole = started(integrate, (1, 1), started(multiply, back, started(differentiate, u)))
    visible = new_series()
    go(fork, whole, visible, back)
    relay(visible, out)


def substitute(u: Series, v: Series, out: Series) -> None:
    """u(v) for a v without constant: (a + x*u)(v) = a + v * u(v)"""
    if not out.requests.recv_ok()[1]:
        u.requests.close()
        v.requests.close()
        return
    put(out, get(u))
    v1, v2 = forked(v)
    get(v1)
    relay(started(multiply, v1, started(substitute, u, v2)), out)


def tangent(out: Series) -> None:
    """z = integral of 1 + z*z, fed back into itself twice"""
    back = new_series()
    left, right = forked(back)
    square = started(add, started(polynomial, [(1, 1)]), started(multiply, left, right))
    visible = new_series()
    go(fork, started(integrate, (0, 1), square), visible, back)
    relay(visible, out)


# -- programs: networks whose routines may be in different worlds -----------------------------------


def _check(world: World, network: list[tuple[Any, ...]], expected: list[Fraction | int]) -> None:
    """Start a network and compare its first terms.

    A line of the network is (function, operands...); an operand `Ref(n)` is the series of line n.
    """
    made: list[Series] = []
    routines = []
    for n, (f, *operands) in enumerate(network):
        out = new_series()
        args = [made[operand.line] if isinstance(operand, Ref) else operand for operand in operands]
        routines.append(world.spawn("sender" if n == 0 else "worker", f, *args, out))
        made.append(out)
    answers = Chan[list[Rational]]()
    reader = world.spawn("receiver", read_terms, made[-1], len(expected), answers)
    assert [Fraction(*term) for term in answers.recv()] == expected
    for routine in (*routines, reader):
        routine.result()


class Ref(NamedTuple):
    line: int


def read_terms(u: Series, count: int, answers: Chan[list[Rational]]) -> None:
    terms = [get(u).as_integer_ratio() for _ in range(count)]
    u.requests.close()
    answers.send(terms)


ONES: tuple[Any, ...] = (repeated, (1, 1))  # 1/(1-x)


def _factorials() -> list[int]:
    values = [1]
    for n in range(1, TERMS):
        values.append(values[-1] * n)
    return values


def sum_of_series(world: World) -> None:
    _check(world, [ONES, (polynomial, [(1, 2), (1, 3)]), (add, Ref(0), Ref(1))],
           [Fraction(3, 2), Fraction(4, 3), 1, 1])  # fmt: skip


def difference_is_zero(world: World) -> None:
    _check(world, [ONES, ONES, (scale, (-1, 1), Ref(1)), (add, Ref(0), Ref(2))], [0] * TERMS)


def scaled_and_shifted(world: World) -> None:
    _check(world, [ONES, (scale, (2, 3), Ref(0)), (shift, (5, 1), Ref(1))],
           [5] + [Fraction(2, 3)] * TERMS)  # fmt: skip


def derivative_of_ones_counts(world: World) -> None:
    _check(world, [ONES, (differentiate, Ref(0))], list(range(1, TERMS + 1)))


def integral_of_ones_is_a_logarithm(world: World) -> None:
    _check(world, [ONES, (integrate, (0, 1), Ref(0))], [0] + [Fraction(1, n) for n in range(1, TERMS)])


def arctangent(world: World) -> None:
    _check(world, [ONES, (substitute_monomial, (-1, 1), 2, Ref(0)), (integrate, (0, 1), Ref(1))],
           [0, 1, 0, Fraction(-1, 3), 0, Fraction(1, 5), 0, Fraction(-1, 7)])  # fmt: skip


def product_of_ones_counts(world: World) -> None:
    _check(world, [ONES, ONES, (multiply, Ref(0), Ref(1))], list(range(1, TERMS + 1)))


def product_of_polynomials(world: World) -> None:
    _check(world, [(polynomial, [(1, 1), (2, 1)]), (polynomial, [(3, 1), (0, 1), (1, 2)]),
                   (multiply, Ref(0), Ref(1))], [3, 6, Fraction(1, 2), 1, 0])  # fmt: skip


def reciprocal_of_ones(world: World) -> None:
    _check(world, [ONES, (reciprocal, Ref(0))], [1, -1, 0, 0, 0, 0, 0])


def reciprocal_of_a_polynomial_gives_fibonacci(world: World) -> None:
    _check(world, [(polynomial, [(1, 1), (-1, 1), (-1, 1)]), (reciprocal, Ref(0))], [1, 1, 2, 3, 5, 8, 13])


def exponential_of_x(world: World) -> None:
    _check(world, [(polynomial, [(0, 1), (1, 1)]), (exponential, Ref(0))],
           [Fraction(1, n) for n in _factorials()])  # fmt: skip


def substitution_gives_fibonacci(world: World) -> None:
    _check(world, [ONES, (polynomial, [(0, 1), (1, 1), (1, 1)]), (substitute, Ref(0), Ref(1))],
           [1, 1, 2, 3, 5, 8])  # fmt: skip


def tangent_of_x(world: World) -> None:
    _check(world, [(tangent,)], [0, 1, 0, Fraction(1, 3), 0, Fraction(2, 15), 0])
