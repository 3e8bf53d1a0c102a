"""Text from a log on its way to a terminal: escaped, cut, and in letters that the terminal has.

What an attacker wrote into a log must not move the cursor, look like a line of ours, or end the command.
"""

import reprlib

LONGEST_VALUE = 60
LONGEST_LINE = 240

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxtuple = 3, 3, 3, 3
_SHORT.maxstring = _SHORT.maxother = LONGEST_VALUE


def cut(text: str, most: int = LONGEST_VALUE) -> str:
    """The text, or its beginning."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def short(value: object) -> str:
    """A value as Python writes it, cut to a hundred characters."""
    return cut(_SHORT.repr(value), 100)


def printable(line: str, encoding: str = "utf-8") -> str:
    """A line, cut, with control characters and letters that the encoding lacks escaped."""
    line = cut(line, LONGEST_LINE)
    line = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line)
    return line.encode(encoding, "backslashreplace").decode(encoding)
