"""The group of processes that `torchrun` started: who is in it, and how long one waits for another.

Told in `book/part2/training.md`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch.distributed as dist

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# Longer than any step, or than one process can be later than another with reading its images; shorter than patience.
TIMEOUT = timedelta(minutes=5)


@dataclass(frozen=True)
class Processes:
    """One process's place in its group.

    Attributes:
        rank: of this process, from 0.
        count: of processes in the group.
    """

    rank: int
    count: int

    @property
    def first(self) -> bool:
        """The one process that writes files and prints."""
        return self.rank == 0


def place(environment: Mapping[str, str]) -> Processes:
    """Read this process's place from what `torchrun` sets; with nothing set, it is alone.

    Raises:
        ValueError: for variables of which some are missing, that are no whole numbers, or of which the rank is no
            number from 0 to below the count.
    """
    missing = [name for name in VARIABLES if name not in environment]
    if len(missing) == len(VARIABLES):
        return Processes(rank=0, count=1)
    if missing:
        there = [name for name in VARIABLES if name in environment]
        raise ValueError(
            f"{', '.join(missing)} missing from the environment, which has {', '.join(there)}: start with torchrun,"
            " which sets all of them, or with none of them set"
        )
    numbers = {}
    for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"):
        try:
            numbers[name] = int(environment[name])
        except ValueError:
            raise ValueError(f"{name} must be a whole number, as torchrun sets it, got {environment[name]!r}") from None
    rank, count = numbers["RANK"], numbers["WORLD_SIZE"]
    if not 0 <= rank < count:
        raise ValueError(f"RANK must be 0 to WORLD_SIZE - 1, got RANK={rank} with WORLD_SIZE={count}")
    return Processes(rank, count)


@contextmanager
def processes(*, timeout: timedelta = TIMEOUT) -> Iterator[Processes]:
    """Join the other processes, over gloo, and leave them at the end; a process that is alone joins nobody.

    A process that waits for one that has died gets an error at once, and for one that hangs after `timeout`.

    Raises:
        ValueError: as `place` does.
    """
    here = place(os.environ)
    if here.count == 1:
        yield here
        return
    dist.init_process_group("gloo", timeout=timeout)
    try:
        yield here
    finally:
        dist.destroy_process_group()
