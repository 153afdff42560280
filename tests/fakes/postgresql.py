"""Debian's PostgreSQL, started in a directory of its own, which only a Unix socket leads to."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.processes import Processes, Running, miss

USER = "postgres"
PROGRAMS = "/usr/lib/postgresql"

SQLITE_ONLY = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""For what is about the file of a store."""

POSTGRESQL_ONLY = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


class Postgresql:
    """One server, which can be stopped and started again."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        self._directory = directory
        self._processes = processes
        self._numbers = count()
        self._running: Running | None = None
        self._programs = _find_programs()
        options = ("--auth=trust", f"--username={USER}", "--no-sync", "--encoding=UTF8", "--locale=C")
        subprocess.run(
            [*_as_user(), self._programs / "initdb", *options, directory / "data"],
            check=True,
            capture_output=True,
            cwd=directory,
        )

    def start(self) -> None:
        """Start it; return once it takes connections."""
        settings = (
            "listen_addresses=",
            f"unix_socket_directories={self._directory}",
            "fsync=off",
            "shared_buffers=32MB",
        )
        command = [*_as_user(), str(self._programs / "postgres"), "-D", str(self._directory / "data")]
        command += [word for setting in settings for word in ("-c", setting)]
        self._running = self._processes.start("postgresql", command, lambda _: self._is_ready())

    def stop(self) -> None:
        """Stop it at once, whoever is connected."""
        if self._running:
            self._running.send(signal.SIGINT)
            self._running.process.wait(20)

    def make_database(self) -> str:
        """Make an empty database; return the URL of a store in it."""
        name = f"store_{next(self._numbers)}"
        with psycopg.connect(self._conninfo(USER), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return f"postgresql://{USER}@/{name}?host={self._directory}"

    def _conninfo(self, database: str) -> str:
        return f"host={self._directory} user={USER} dbname={database}"

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self._conninfo(USER)).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgresql(log: Path) -> Iterator[Postgresql]:
    """Run a server; its directory has a short name, for that of a socket may have 107 octets only."""
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        shutil.chown(directory, USER)
    try:
        with Processes(log) as processes:
            server = Postgresql(directory, processes)
            server.start()
            yield server
            server.stop()
    finally:
        shutil.rmtree(directory)


def _find_programs() -> Path:
    found = sorted(Path(PROGRAMS).glob("*/bin/initdb"))
    if not found:
        miss("PostgreSQL is not installed (Debian package postgresql)")
    return found[-1].parent


def _as_user() -> list[str]:
    """Return how to become somebody who may run it: it refuses to be run by root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]
