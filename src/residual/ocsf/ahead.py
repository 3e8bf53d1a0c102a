"""Several things at once: what comes next is made while the last is worked on. Told in `book/part3/records.md`."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")
THREADS = 2
_END = object()


def ahead(parts: Iterable[Iterable[T]]) -> Generator[Iterator[T], None, None]:
    """The same parts in the same order, of which two make their items on other threads, each one item early.

    A part must be used before the next is asked for. An error shows where its item would have come.
    """
    threads = ThreadPoolExecutor(THREADS)

    def submit(items: Iterator[T]) -> Future[object]:
        return threads.submit(next, items, _END)

    def items_of(items: Iterator[T], coming: Future[object]) -> Iterator[T]:
        while (item := coming.result()) is not _END:
            coming = submit(items)
            yield cast(T, item)

    begun: deque[Iterator[T]] = deque()
    try:
        for part in parts:
            items = iter(part)
            begun.append(items_of(items, submit(items)))
            if len(begun) > THREADS:
                yield begun.popleft()
        yield from begun
    finally:  # which polars may come to on one of these very threads, so nobody waits for them
        threads.shutdown(wait=False, cancel_futures=True)
