"""What plays the CPU for process enclaves: it starts an enclave and watches it. Platform world.

Measurement, keys and reports belong here and are not built yet. The sandbox holds what runs inside; nothing here
protects an enclave from code of the same user.
"""
