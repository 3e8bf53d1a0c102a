"""Work that is done ahead comes in order, once, with its errors where they belong."""

import threading
from collections.abc import Iterator

import pytest

from residual.ocsf.ahead import ahead


def test_parts_and_items_come_in_order() -> None:
    parts = [range(n, n + n % 4) for n in range(20)]
    assert [list(part) for part in ahead(parts)] == [list(part) for part in parts]


def test_an_error_comes_in_place_of_its_item_and_the_next_part_goes_on() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("a page is broken")

    parts = ahead([broken(), iter([3, 4])])
    first = next(parts)
    assert next(first) == 1
    with pytest.raises(OSError, match="a page is broken"):
        next(first)
    assert list(next(parts)) == [3, 4]


def test_the_next_part_begins_while_one_is_worked_on() -> None:
    begun = threading.Event()

    def second() -> Iterator[str]:
        begun.set()
        yield "second"

    parts = ahead([iter(["first"]), second()])
    assert next(next(parts)) == "first"
    assert begun.wait(timeout=60)


def test_who_stops_early_makes_only_a_few() -> None:
    made: list[int] = []

    def part(number: int) -> Iterator[int]:
        made.append(number)
        yield number

    parts = ahead(map(part, range(1000)))
    assert list(next(parts)) == [0]
    parts.close()
    assert len(made) < 10


def test_it_can_end_on_a_thread_of_its_own() -> None:
    suspended, errors, ended = threading.Event(), list[Exception](), threading.Event()

    def ending() -> Iterator[int]:
        assert suspended.wait(timeout=60)
        try:
            parts.close()
        except Exception as error:
            errors.append(error)
        ended.set()
        yield 1

    parts = ahead([iter([0]), ending(), iter([2])])
    next(parts)
    suspended.set()
    assert ended.wait(timeout=60)
    assert not errors
