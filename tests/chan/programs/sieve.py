"""After Go's test/chan/sieve1.go and sieve2.go: the prime sieve, with one routine a prime and with a heap of wheels."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from gotee import Chan, ChannelClosed, go

if TYPE_CHECKING:
    from ..world import World

PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]


def generate(out: Chan[int], limit: int) -> None:
    for number in range(2, limit):
        out.send(number)
    out.close()


def filter_multiples(numbers: Chan[int], out: Chan[int], prime: int) -> None:
    for number in numbers:
        if number % prime:
            out.send(number)
    out.close()


def sieve(primes: Chan[int], limit: int) -> None:
    """The whole sieve in the world of this routine."""
    numbers = Chan[int]()
    go(generate, numbers, limit)
    while True:
        prime, ok = numbers.recv_ok()
        if not ok:
            break
        primes.send(prime)
        rest = Chan[int]()
        go(filter_multiples, numbers, rest, prime)
        numbers = rest
    primes.close()


def multiples(of: int, out: Chan[int]) -> None:
    """The odd multiples of an odd prime from its square on, until nobody reads them."""
    number = of * of
    try:
        while True:
            out.send(number)
            number += 2 * of
    except ChannelClosed:
        return


def sieve_with_heap(primes: Chan[int], count: int) -> None:
    """The first `count` primes; composites come from one routine a prime, merged in a heap."""
    primes.send(2)
    sent, candidate = 1, 3
    streams: list[Chan[int]] = []
    heap: list[tuple[int, int]] = []
    while sent < count:
        if heap and heap[0][0] <= candidate:
            composite, n = heapq.heappop(heap)
            heapq.heappush(heap, (streams[n].recv(), n))
            if composite == candidate:
                while heap[0][0] == candidate:
                    heapq.heapreplace(heap, (streams[heap[0][1]].recv(), heap[0][1]))
                candidate += 2
            continue
        primes.send(candidate)
        sent += 1
        streams.append(Chan[int](10))
        go(multiples, candidate, streams[-1])
        heapq.heappush(heap, (streams[-1].recv(), len(streams) - 1))
        candidate += 2
    for stream in streams:
        stream.close()
    primes.close()


def collect(numbers: Chan[int]) -> list[int]:
    return list(numbers)


def a_filter_for_every_prime(world: World) -> None:
    """The chain is started from outside, so that its filters can be in different worlds."""
    numbers = Chan[int]()
    world.spawn("sender", generate, numbers, 100)
    primes = []
    while True:
        prime, ok = numbers.recv_ok()
        if not ok:
            break
        primes.append(prime)
        rest = Chan[int]()
        world.spawn("worker", filter_multiples, numbers, rest, prime)
        numbers = rest
    assert primes == PRIMES


def a_filter_for_every_prime_started_by_a_routine(world: World) -> None:
    primes = Chan[int]()
    world.spawn("sender", sieve, primes, 100)
    assert world.spawn("receiver", collect, primes).result() == PRIMES


def multiples_merged_in_a_heap(world: World) -> None:
    primes = Chan[int]()
    world.spawn("sender", sieve_with_heap, primes, len(PRIMES))
    assert world.spawn("receiver", collect, primes).result() == PRIMES
