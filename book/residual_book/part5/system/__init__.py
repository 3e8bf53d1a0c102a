"""Code of `book/part5/system.md`."""
