"""Starts an nginx with a configuration, and asks it: a real reader of what is quoted for it."""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_CONFIGURATION = """\
daemon off;
master_process off;
pid {place}/pid;
error_log stderr emerg;
events {{ worker_connections 16; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    map_hash_bucket_size 512;
    variables_hash_max_size 8192;
    variables_hash_bucket_size 512;
    {http}
    server {{
        listen unix:{place}/socket;
        merge_slashes off;
        keepalive_requests 1000000;
        {server}
    }}
}}
"""
_WAIT = 30


class Answer(NamedTuple):
    """What it answered."""

    body: str
    headers: dict[str, str]


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("nginx")
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(http_: str, server: str, requests: Iterable[tuple[str, str]]) -> list[Answer]:
    """Start it with these statements, and ask with these methods and encoded paths."""
    # The path of a socket has to be short, and pytest's are long.
    with (
        TemporaryDirectory(prefix="nginx-") as directory,
        _running(directory, http_, server),
        closing(_Connection(Path(directory, "socket"))) as connection,
    ):
        return [_ask(connection, *request) for request in requests]


def _ask(connection: _Connection, method: str, path: str) -> Answer:
    connection.putrequest(method, path)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    response = connection.getresponse()
    return Answer(response.read().decode("latin-1"), dict(response.getheaders()))


@contextmanager
def _running(directory: str, http_: str, server: str) -> Iterator[None]:
    place = Path(directory)
    text = _CONFIGURATION.format(place=place, http=http_, server=server)
    (place / "conf").write_text(text)
    command: Sequence[str | Path] = ["nginx", "-e", "stderr", "-c", place / "conf"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + _WAIT
            # It makes the file of its number when it listens.
            while not (place / "pid").exists() and time.monotonic() < end:
                if process.poll() is not None:
                    break
                time.sleep(0.01)
            assert process.poll() is None, process.stderr and process.stderr.read()
            yield
        finally:
            process.terminate()
