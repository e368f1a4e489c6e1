"""The other side of the floor: a process with one end of a ring. Arguments: what it does, then its descriptors."""

import sys

from gotee.boundary.link_ring import RingDescriptors, RingLink

sys.path.insert(0, sys.argv[1])
import floor

ring = RingLink.attach(RingDescriptors(*map(int, sys.argv[3:])))
if sys.argv[2] == "drain":
    floor.drain(ring)
else:
    floor.answer(ring, tuple[bytes, int])
