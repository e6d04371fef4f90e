"""Measurements: one module each, run by ``make bench NAME=...``."""
