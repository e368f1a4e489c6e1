"""Producers outside, workers inside, results merged with select; one routine a producer, a worker and an order.

    python pipeline.py [ORDERS] [WORKERS]

Each producer has a channel of its own, which all workers share; each kind of result has one too. Whoever is slow holds
up the rest, as unbuffered channels do: nothing piles up, however many orders there are.
"""

import argparse
from dataclasses import dataclass

from gotee import Chan, Recv, go, gosecure, select

SHOPS = ("north", "south", "west")


@dataclass(frozen=True)
class Order:
    shop: str
    number: int
    amount: int  # cents


@dataclass(frozen=True)
class Receipt:
    order: Order
    discount: int  # cents


RATES = {"north": 5, "south": 10, "west": 0}  # per cent; the workers' own copy is inside


def discount(order: Order) -> int:
    return order.amount * RATES[order.shop] // 100


def handle(order: Order, receipts: Chan[Receipt], refusals: Chan[Order]) -> None:
    """One order, in a routine of its own, inside."""
    if order.amount % 10 == 0:
        refusals.send(order)
    else:
        receipts.send(Receipt(order, discount(order)))


def work(orders: Chan[Order], receipts: Chan[Receipt], refusals: Chan[Order]) -> int:
    """Start a routine for each order, inside; return how many there were."""
    started = [go(handle, order, receipts, refusals) for order in orders]
    for routine in started:
        routine.result()
    return len(started)


def produce(shop: str, count: int, orders: Chan[Order]) -> None:
    for number in range(count):
        orders.send(Order(shop, number, 100 + 7 * number))


def merge(receipts: Chan[Receipt], refusals: Chan[Order], count: int) -> tuple[int, int]:
    """Take results as they come; return what the discounts add up to, and the number of refusals."""
    total = refused = 0
    for _ in range(count):
        selected = select(Recv(receipts), Recv(refusals))
        if selected.index == 0:
            total += selected.value.discount
        else:
            refused += 1
    return total, refused


def main() -> None:
    parser = argparse.ArgumentParser(description="Orders of three shops, handled inside.")
    parser.add_argument("orders", type=int, nargs="?", default=1_000, help="of each shop (default: 1000)")
    parser.add_argument("workers", type=int, nargs="?", default=4, help="inside (default: 4)")
    options = parser.parse_args()
    if options.orders < 0 or options.workers < 1:
        parser.error("there are 0 or more orders, and 1 or more workers")
    count: int = options.orders
    orders, receipts, refusals = Chan[Order](), Chan[Receipt](), Chan[Order]()
    working = [gosecure(work, orders, receipts, refusals) for _ in range(options.workers)]
    producing = [go(produce, shop, count, orders) for shop in SHOPS]
    merging = go(merge, receipts, refusals, count * len(SHOPS))
    for producer in producing:
        producer.result()
    orders.close()
    total, refused = merging.result()
    handled = sum(worker.result() for worker in working)
    print(f"{handled} orders, {refused} refused, discounts of {total} cents")


if __name__ == "__main__":
    main()
