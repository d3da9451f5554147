"""internet_server.py ADDRESS PORT BODY LOG [CERTIFICATE]: a web server of the test host's internet.

It runs on the test host, with that host's Python and nothing else.
"""

from __future__ import annotations

import http.server
import json
import os
import socket
import socketserver
import ssl
import sys
from pathlib import Path


class Server(http.server.ThreadingHTTPServer):
    """Listens on one address, and says when it does."""

    def __init__(self, address: str, port: int, body: str, log: Path, certificate: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.body = body.encode()
        self.log = log
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self.tls:
            self.tls.load_cert_chain(certificate)
        super().__init__((address, port), Handler)

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Begin with TLS, if it has a certificate, in the connection's own thread."""
        begun = self.tls.wrap_socket(request, server_side=True) if self.tls else request
        super().finish_request(begun, client_address)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that go away."""

    def server_bind(self) -> None:
        """Bind, without the base class's look-up of the address's name."""
        socketserver.TCPServer.server_bind(self)


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives every request the same answer, and writes it down."""

    server: Server
    protocol_version = "HTTP/1.1"

    def handle_request(self) -> None:
        """Answer one request of any method."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._note()
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.server.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815  # as called

    def _note(self) -> None:
        address, port, *_ = self.connection.getsockname()
        entry = {
            "client": self.client_address[0],
            "address": address,
            "port": port,
            "method": self.command,
            "path": self.path,
            "host": self.headers.get("Host"),
        }
        # One write to a file opened for appending: servers share it without a lock.
        with self.server.log.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def _tell_ready() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


def main() -> None:
    """Serve until killed."""
    address, port, body, log, *certificate = sys.argv[1:]
    with Server(address, int(port), body, Path(log), "".join(certificate)) as server:
        _tell_ready()
        server.serve_forever()


if __name__ == "__main__":
    main()
