from gotee.boundary.wire import Wire

class SpaceLender:
    def __init__(self, wire: Wire) -> None: ...
