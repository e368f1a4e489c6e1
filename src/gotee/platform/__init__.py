"""What plays the CPU for process enclaves: starts and watches them, and has their reports and keys. Platform world.

The sandbox holds what runs inside; nothing here protects an enclave from code of the same user.
"""
