"""What runs inside an enclave beside the program: the ecall server and the stubs of ocalls. Enclave world."""
