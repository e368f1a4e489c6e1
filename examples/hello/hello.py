"""Hello from two domains, in the plain form: any Python tool understands it."""

from gotee import Chan, go, gosecure


def hello(done: Chan[bool]) -> None:
    print("Hello World!")
    done.send(True)


def main() -> None:
    done = Chan[bool]()
    print("From an untrusted domain:")
    go(hello, done)
    done.recv()
    print("From a trusted domain:")
    gosecure(hello, done)
    done.recv()


if __name__ == "__main__":
    main()
