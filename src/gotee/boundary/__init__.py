"""Data movement between the worlds: typed copy, frames, links. Both worlds, the same code.

Imports only the standard library, msgspec and gotee.errors; every other room may call it.
"""
