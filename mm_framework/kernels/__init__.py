"""Compiled kernels beside the reference path: the same answers, sooner. See `loader` for who loads them.

Importing this package imports no numba; `kernels.loader.active()` does, when kernels are wanted.
"""
