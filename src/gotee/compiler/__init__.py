"""From a program to what runs inside. Host world.

This is a first, simple compiler: it takes whole modules. It does not yet drop what the entries do not need.
"""
