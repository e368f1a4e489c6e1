"""The enclave file: parts, pages, measurement, signature, keys, base. Built by the host, verified by the platform."""
