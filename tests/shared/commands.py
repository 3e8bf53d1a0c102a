"""A command run in the test's own process, given its `main`."""

from collections.abc import Callable

import pytest

Main = Callable[[list[str]], None]


def said(main: Main, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says when it ends with code 2."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def run(main: Main, *arguments: str) -> None:
    """The command, where it ends well."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert end.value.code == 0
