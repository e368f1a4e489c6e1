"""What plays the CPU for process enclaves: it starts an enclave and watches it. Platform world.

Measurement, keys, reports and the sandbox belong here and are not built yet; nothing here protects anything.
"""
