"""The group of processes that `torchrun` started: which one this is, and how long one waits for another.

Told in `book/part2/training.md`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch.distributed as dist

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
TIMEOUT = timedelta(minutes=5)  # longer than any step, or than one process can be behind another in reading images


@dataclass(frozen=True)
class Processes:
    """This process, by its rank, among the `count` of its group; rank 0 is the one that writes files and prints."""

    rank: int
    count: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Processes":
        """Read what `torchrun` sets; with nothing set, this process is alone.

        Raises:
            ValueError: for variables that are missing or no whole numbers, and a rank that is not 0 to below the count.
        """
        missing = [name for name in VARIABLES if name not in environment]
        if len(missing) == len(VARIABLES):
            return cls(rank=0, count=1)
        if missing:
            raise ValueError(f"{', '.join(missing)} missing from the environment, all of which torchrun sets")
        for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"):
            if not environment[name].removeprefix("-").isdecimal():
                raise ValueError(f"{name} must be a whole number, as torchrun sets it, got {environment[name]!r}")
        rank, count = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        if not 0 <= rank < count:
            raise ValueError(f"RANK must be 0 to WORLD_SIZE - 1, got RANK={rank} with WORLD_SIZE={count}")
        return cls(rank, count)


@contextmanager
def processes(*, timeout: timedelta = TIMEOUT) -> Iterator[Processes]:
    """Join the other processes, over gloo, and leave them at the end; a process that is alone joins nobody.

    A process that waits for another gets an error: at once if that one has died, after `timeout` if it hangs.

    Raises:
        ValueError: as `Processes.from_environment` does.
    """
    here = Processes.from_environment(os.environ)
    if here.count == 1:
        yield here
        return
    dist.init_process_group("gloo", timeout=timeout)
    try:
        yield here
    finally:
        dist.destroy_process_group()
