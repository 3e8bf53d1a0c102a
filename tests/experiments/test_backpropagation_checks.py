import pytest

from residual.experiments import backpropagation_checks
from residual.experiments.backpropagation import Layer
from residual.experiments.backpropagation_checks import SHAPES, check, learn_digits


@pytest.mark.parametrize("widths", SHAPES)
def test_ours_are_autograds_and_finite_differences_derivatives(widths: tuple[int, ...]) -> None:
    found = check(widths, 3)
    assert found.autograd < 1e-12
    assert found.product < 1e-12
    assert found.differences < 1e-6
    assert found == check(widths, 3)


def test_a_wrong_gradient_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = backpropagation_checks.backward
    monkeypatch.setattr(
        backpropagation_checks,
        "backward",
        lambda *args: [Layer(1.01 * g.weights, g.bias) for g in right(*args)],
    )
    found = check((5, 4, 3), 0)
    assert found.autograd > 1e-3
    assert found.differences > 1e-3


def test_both_learn_the_digits() -> None:
    run = learn_digits(0, epochs=4)
    assert run == learn_digits(0, epochs=4)
    assert run.net_train < 10
    assert 0 < run.net_test < 15
    assert 0 < run.logistic_test < 10
