import secured


import os, sys, time
from gotee import sleep
from processes import started_by, used

def main() -> None:
    secured.park_inside(10)
    sleep(0.5)
    own, others = [os.getpid()], started_by(os.getpid())
    before, start = (used(own), used(others)), time.monotonic()
    sleep(float(sys.argv[1]))
    took = time.monotonic() - start
    after = used(own), used(others)
    print(*((b - a) / took * 100 for a, b in zip(before, after, strict=True)))
    sys.stdout.flush()
    os._exit(0)

if __name__ == "__main__":
    main()
