"""What mitmproxy logs when it fails itself: the kind of failure and its place, never whose connection or which name."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

LOGGER = "mitmproxy.proxy.server"


class Discretion(logging.Filter):
    """Takes the traceback, whose message shows the connection and what came over it, off a record, and counts it."""

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__()
        self._count = count

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, with one line at most about its exception."""
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            places = traceback.extract_tb(error.__traceback__)
            place = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
            record.msg, record.args = f"{record.getMessage()} {type(error).__name__}{place}", ()
            record.exc_info = record.exc_text = None
            self._count()
        return True

    def begin(self) -> None:
        """Stand before mitmproxy's log of connections."""
        logging.getLogger(LOGGER).addFilter(self)

    def end(self) -> None:
        """Stand there no longer."""
        logging.getLogger(LOGGER).removeFilter(self)
