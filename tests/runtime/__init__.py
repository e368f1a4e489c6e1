"""What the runtime promises besides channel semantics, which tests/chan has."""
