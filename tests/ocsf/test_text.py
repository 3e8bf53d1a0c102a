"""Text from a log on a terminal: no control characters, of bounded length, in letters that the terminal has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residual.ocsf.text import LONGEST_LINE, printable, short


@given(st.text(), st.sampled_from(["utf-8", "cp1252", "ascii"]))
def test_any_text_is_one_printable_line_that_the_terminal_can_show(text: str, encoding: str) -> None:
    shown = printable(text, encoding)
    assert shown.isprintable()
    assert shown.encode(encoding).decode(encoding) == shown


@pytest.mark.parametrize("text", ["Søren 山田", "plain", "C:\\Users"])
def test_what_can_be_read_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_what_moves_the_cursor_or_forges_a_line_is_escaped() -> None:
    assert printable("a\x1b[2J\r\nb\u202ec\ud800", "ascii") == "a\\x1b[2J\\r\\nb\\u202ec\\ud800"


@given(
    st.recursive(
        st.text() | st.integers() | st.binary(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_value_is_short(value: object) -> None:
    assert len(short(value)) <= 100


def test_long_values_and_lines_are_cut() -> None:
    assert len(short("x" * 3000)) <= 100
    assert len(short({"x" * 3000: ["y" * 3000] * 50})) <= 100
    assert len(printable("x" * 3000)) == LONGEST_LINE
