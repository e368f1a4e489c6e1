"""The model of channels that cross, and its exhaustive check.

Test world only. Nothing here imports gotee: the model is the specification the boundary is written from.
"""
