"""A real PostgreSQL on the loopback, on a free port, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

NAMES = ("postgres", "nobody")  # who runs it where root may not
MISSING = "no PostgreSQL here; `apt-get install postgresql` (scripts/test does so where it can)"


def programs() -> Path | None:
    """The folder of the newest `initdb` and `postgres`."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@contextmanager
def running(*settings: str) -> Iterator[str]:
    """The URL of a new, empty database; the server, with these settings, ends with the block."""
    folder, account = Path(tempfile.mkdtemp(prefix="polystack-postgres-")), _account()
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        _made(folder, account)
        with _served(folder, account, settings) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(url: str, name: str) -> str:
    """Another one on the same server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name))
        )
    return url.rpartition("/")[0] + f"/{name}"


@contextmanager
def _served(folder: Path, account: pwd.struct_passwd | None, more: Sequence[str]) -> Iterator[str]:
    port = _free()
    settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *more]
    named = [f"--{setting}" for setting in settings]
    server = _started(folder, account, "postgres", "-D", "data", *named)
    try:
        url = f"postgresql://test@127.0.0.1:{port}/postgres"
        _wait(server, url, folder)
        yield url
    finally:
        with suppress(ProcessLookupError):
            server.send_signal(signal.SIGQUIT)
        server.wait()


def _wait(server: subprocess.Popen[bytes], url: str, folder: Path) -> None:
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended: {_log(folder)}") from None
            time.sleep(0.05)


def _account() -> pwd.struct_passwd | None:
    """Whoever runs the server in the place of root, whom it refuses."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name: account for account in pwd.getpwall()}
    return next(known[name] for name in NAMES if name in known)


def _made(folder: Path, account: pwd.struct_passwd | None) -> None:
    done = _started(folder, account, "initdb", "-D", "data", "-U", "test", "-A", "trust", "-N")
    if done.wait():
        raise RuntimeError(f"no database was made: {_log(folder)}")


def _started(
    folder: Path, account: pwd.struct_passwd | None, program: str, *arguments: str
) -> subprocess.Popen[bytes]:
    found = programs()
    assert found is not None
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [str(found / program), *arguments],
            stdout=log,
            stderr=log,
            cwd=folder,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=account and [],
        )


def _log(folder: Path) -> str:
    return (folder / "log").read_text()[-2000:]


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
