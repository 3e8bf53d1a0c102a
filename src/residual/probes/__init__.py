"""Instruments that look inside any network."""
