"""Benchmarks: ``make bench``, or ``pytest --import-mode=append --benchmark-enable benchmarks``."""
