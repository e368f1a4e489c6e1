from gotee.runtime.scheduler import Scheduler
from gotee.runtime.waiting import Waiter

class G:
    scheduler: Scheduler
    worker: object
    @property
    def parked(self) -> bool: ...
    @property
    def waiting(self) -> Waiter | None: ...

def movement() -> int: ...
