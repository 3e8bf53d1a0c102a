"""A process knows which of its group it is, or says what is wrong with what it was told."""

import re
from pathlib import Path

import pytest
import scale_worker as worker
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from several_processes import torchrun

from residual.scale.processes import VARIABLES, Processes, processes

SET = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.mark.parametrize("values", [{}, {**SET, "RANK": "0", "WORLD_SIZE": "1"}])
def test_alone(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """With nothing set, and as the only process under torchrun."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with processes() as here:
        assert here == Processes(rank=0, count=1)
        assert not dist.is_initialized()


@given(count=st.integers(1, 100), data=st.data())
def test_rank_and_count_are_what_torchrun_sets(count: int, data: st.DataObject) -> None:
    rank = data.draw(st.integers(0, count - 1))
    here = Processes.from_environment({**SET, "RANK": str(rank), "WORLD_SIZE": str(count)})
    assert here == Processes(rank, count)


@given(names=st.sets(st.sampled_from(VARIABLES), min_size=1, max_size=len(VARIABLES) - 1))
def test_half_set_names_what_is_missing(names: set[str]) -> None:
    missing = ", ".join(name for name in VARIABLES if name not in names)
    with pytest.raises(ValueError, match=f"^{missing} missing from the environment, .*torchrun"):
        Processes.from_environment({name: SET[name] for name in names})


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "MASTER_PORT"])
@pytest.mark.parametrize("value", ["", "two", "1.5", "-"])
def test_no_whole_number(name: str, value: str) -> None:
    said = f"^{name} must be a whole number, as torchrun sets it, got {re.escape(repr(value))}$"
    with pytest.raises(ValueError, match=said):
        Processes.from_environment({**SET, name: value})


@pytest.mark.parametrize(("rank", "count"), [(2, 2), (-1, 2), (0, 0), (0, -1)])
def test_a_rank_outside_the_group(rank: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"RANK must be 0 to WORLD_SIZE - 1, got RANK={rank} with WORLD_SIZE={count}"):
        Processes.from_environment({**SET, "RANK": str(rank), "WORLD_SIZE": str(count)})


def test_a_process_that_hangs_ends_the_job(tmp_path: Path) -> None:
    """One waits for nothing, alive. The other gives up waiting, with an error, and the launcher ends both."""
    job = torchrun(worker.__file__, "hangs", tmp_path)
    assert "first exchange done" in job.stdout
    assert "second exchange done" not in job.stdout
    assert job.returncode == 1
    assert "Timed out waiting" in job.stderr
