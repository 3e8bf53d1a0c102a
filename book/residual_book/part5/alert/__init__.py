"""Code of `book/part5/alert.md`."""
