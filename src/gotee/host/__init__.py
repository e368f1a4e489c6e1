"""The host's side of a running enclave: load it, serve its messages, notice its end. Host world."""
