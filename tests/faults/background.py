"""Something that goes on beside a fault: a thread for the time of a `with`."""

import threading
from typing import Self


class Background(threading.Thread):
    """Runs from the beginning of a `with` until its end, when `ending` is set."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ending = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.join()
