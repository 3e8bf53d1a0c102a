import pytest

from residual.plots.tables import table


def test_first_column_to_the_left_and_numbers_to_the_right() -> None:
    assert table(["Net", "Size"], [["a", 1], ["b", "2 × 10⁹"]]).data == (
        "| Net | Size |\n| :--- | ---: |\n| a | 1 |\n| b | 2 × 10⁹ |"
    )


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows must have 2 cells, got 1: \['a'\]"):
        table(["Net", "Size"], [["a"]])
