"""Told in `book/part5/verdicts.md`."""
