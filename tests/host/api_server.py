"""api_server.py ADDRESS PORT LOG CERTIFICATE: an API of the test host's internet.

It runs on the test host, with that host's Python and nothing else. It answers like the APIs of
`api_models.py`, writes every request down with its headers, and does what the header `x-do` asks
for.
"""

from __future__ import annotations

import http.server
import json
import os
import socket
import socketserver
import ssl
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.host import api_models

if TYPE_CHECKING:
    from collections.abc import Iterable

PIECES = 4
PAUSE = 0.3
HUGE = 8 * 1024 * 1024


class Server(http.server.ThreadingHTTPServer):
    """Listens with TLS on one address."""

    request_queue_size = 256

    def __init__(self, address: str, port: int, log: Path, certificate: str) -> None:
        self.log = log
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        super().__init__((address, port), Handler)

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Begin with TLS in the connection's own thread."""
        super().finish_request(self.tls.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that go away."""

    def server_bind(self) -> None:
        """Bind, without the base class's look-up of the address's name."""
        socketserver.TCPServer.server_bind(self)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as it is asked to."""

    server: Server
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer one request of any method."""
        body = self._read()
        self._note(body)
        wanted = self.headers.get("x-do", "")
        if self.headers.get("Upgrade") == "websocket":
            self._echo()
        elif wanted in {"429", "529", "401"}:
            self._send(int(wanted), b'{"error":"of the upstream"}', {"Retry-After": "7"})
        elif wanted.endswith("-first") and self.headers.get("x-stainless-retry-count") == "0":
            # The SDKs count.
            self._send(int(wanted[:3]), b'{"error":"of the upstream"}', {"Retry-After": "1"})
        elif wanted == "reset":
            self._reset()
        elif wanted == "stall":
            time.sleep(4)
            self._say(body)
        elif wanted == "huge":
            self._send(200, b"x" * HUGE)
        elif wanted == "say":
            self._recite(json.loads(body))
        elif wanted == "redirect":
            there = f"https://{self.headers['Host']}/api/v3/repos/acme/website/there"
            self._send(302, b"", {"Location": there})
        else:
            self._say(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # as called

    def _say(self, body: bytes) -> None:
        """Answer as a model, or say what was asked for."""
        it = api_models.turn(self.path, body)
        wants_stream = b'"stream":true' in body.replace(b" ", b"")
        if it and wants_stream:
            self._send_events(api_models.stream(self.path, it))
        elif it:
            self._send(200, json.dumps(api_models.whole(self.path, it)).encode())
        elif wants_stream:
            events = (f'event: piece\ndata: {{"piece":{n}}}\n\n'.encode() for n in range(PIECES))
            self._send_events((event, True) for event in events)
        else:
            self._send(200, json.dumps({"path": self.path, "length": len(body)}).encode())

    def _send(self, code: int, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("request-id", "req_of_test")
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _recite(self, told: dict[str, Any]) -> None:
        """Answer with what the request says, byte for byte, and piece by piece."""
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send_response(told["status"])
        self.send_header("Content-Type", told["type"])
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in told["headers"].items():
            self.send_header(name, value)
        self.end_headers()
        for piece in [*told["pieces"] * told["times"], *told["last"]]:
            data = piece.encode("latin-1")
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            time.sleep(told["pause"])
        if told["reset"]:
            self._reset()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def _send_events(self, events: Iterable[tuple[bytes, bool]]) -> None:
        """Send events, and wait a little after each that is a piece."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event, is_piece in events:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            if is_piece:
                time.sleep(3 if self.headers.get("x-do") == "slow" else PAUSE)
        self.wfile.write(b"0\r\n\r\n")

    def _echo(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.wfile.write(self.connection.recv(1000))
        self.close_connection = True

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _note(self, body: bytes) -> None:
        entry = {
            "address": self.connection.getsockname()[0],
            "method": self.command,
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": body[:1000].decode("latin-1"),
            "tls": self.connection.version(),
        }
        # One write to a file opened for appending: servers share it without a lock.
        with self.server.log.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def main() -> None:
    """Serve until killed."""
    address, port, log, certificate = sys.argv[1:]
    with Server(address, int(port), Path(log), certificate) as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
        server.serve_forever()


if __name__ == "__main__":
    main()
