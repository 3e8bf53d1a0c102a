"""A run that is really killed goes on to the same bits."""

from dataclasses import replace
from pathlib import Path

import pytest

from residual.experiments import interruption
from residual.experiments.ablation import RECIPE
from residual.experiments.interruption import KillAt, interrupt

SMALL = replace(RECIPE, epochs=3, batch_size=350)  # four steps an epoch


def test_a_killed_run_goes_on_to_the_same_bits() -> None:
    found = interrupt(SMALL)
    assert (found.ended_by, found.steps, found.killed_at) == ("SIGKILL", 12, 6)
    assert found.done_again == 8  # one epoch of three was kept
    assert found.differing == ()
    assert len(found.history.train_error) == 3
    whole, history = interruption.train(SMALL, KillAt(12))
    assert found.history == history
    assert (found.model.conv1.weight == whole.conv1.weight).all()


def test_weights_that_differ_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    really_train = interruption.train

    def spoiled(*arguments: object) -> object:
        model, history = really_train(*arguments)
        if len(arguments) == 3:
            model.fc.bias.data[0] += 1
        return model, history

    monkeypatch.setattr(interruption, "train", spoiled)
    monkeypatch.setattr(interruption, "start", lambda *_: None)
    monkeypatch.setattr(interruption, "signal_that_ended", lambda _: "SIGKILL")
    assert interrupt(replace(SMALL, epochs=1)).differing == ("fc.bias",)


def test_a_process_that_ends_by_itself_is_no_interruption(tmp_path: Path) -> None:
    process = interruption.start(replace(SMALL, epochs=1), KillAt(100), tmp_path / "run.safetensors")
    with pytest.raises(RuntimeError, match="was to be killed, and ended with 0"):
        interruption.signal_that_ended(process)
