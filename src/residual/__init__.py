"""Residual networks, their instruments and their uses: the code behind the book *Residual Networks, Executed*."""
