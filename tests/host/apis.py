"""APIs of the internet of the test host, with certificates of a CA that the host trusts."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from forage_gen.resolve.plan import CA_BUNDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testhost.host import TestHost
    from tests.testhost.internet import Internet

MESSAGES = "198.18.3.1"
FORGE = "198.18.3.2"
IMPOSTOR = "198.18.3.3"
OPENAI = "198.18.3.4"

MESSAGES_NAME = "api.anthropic.com"
FORGE_NAME = "forge.example.net"
OPENAI_NAME = "api.openai.com"

# The sandboxes that ask them.
ASKING = ("asker", "other-asker", "reader")

NAMES = {MESSAGES_NAME: MESSAGES, FORGE_NAME: FORGE, OPENAI_NAME: OPENAI}

_DIRECTORY = "/run/apis"
_LOG = f"{_DIRECTORY}/requests.jsonl"
_SERVER = ("api_server", "api_models")

# A CA, and a certificate for each name; `untrusted` is of no CA.
_CERTIFICATES = """
cd "$1"
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 \\
  -subj '/CN=CA of the tests' -keyout ca.key -out ca.pem 2>/dev/null
shift
for name; do
  openssl req -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj "/CN=$name" \\
    -keyout "$name.key" -out "$name.csr" 2>/dev/null
  openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \\
    -extfile <(printf 'subjectAltName=DNS:%s' "$name") -out "$name.crt" 2>/dev/null
  cat "$name.crt" "$name.key" >"$name.pem"
done
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 \\
  -subj "/CN=$1" -addext "subjectAltName=DNS:$1" \\
  -keyout untrusted.key -out untrusted.crt 2>/dev/null
cat untrusted.crt untrusted.key >untrusted.pem
"""


@dataclass(frozen=True)
class Asked:
    """One request that arrived at an API."""

    address: str
    method: str
    path: str
    headers: list[list[str]]
    body: str
    tls: str

    def header(self, name: str) -> list[str]:
        """What it had under this name."""
        return [value for key, value in self.headers if key == name]


@dataclass
class Apis:
    """The APIs, while they are there."""

    host: TestHost
    internet: Internet
    seen: int = field(default=0)

    def begin(self) -> None:
        """Make the certificates, have the host trust their CA, and start the APIs."""
        self.host.run("mkdir", "-p", _DIRECTORY)
        self.host.write(_LOG, "")
        for name in _SERVER:
            text = (Path(__file__).parent / f"{name}.py").read_text()
            self.host.write(f"{_DIRECTORY}/tests/host/{name}.py", text)
        self.host.run("bash", "-euc", _CERTIFICATES, "bash", _DIRECTORY, *NAMES)
        self.host.sh(f"cp {CA_BUNDLE} {_DIRECTORY}/bundle; cat {_DIRECTORY}/ca.pem >>{CA_BUNDLE}")
        for name, address in NAMES.items():
            self.serve(name, address, f"{_DIRECTORY}/{name}.pem")
            self.internet.record(name, address)

    def end(self) -> None:
        """Have the host trust nobody else any more."""
        self.host.sh(f"cp {_DIRECTORY}/bundle {CA_BUNDLE}")

    def serve(self, name: str, address: str, certificate: str) -> None:
        """Start an API."""
        argv = ("env", f"--chdir={_DIRECTORY}", "python3", "-m", f"tests.host.{_SERVER[0]}")
        self.internet.run_server(
            f"api-{name}-{address}", address, *argv, address, "443", _LOG, certificate
        )

    def impostor(self, certificate: str) -> None:
        """Have the name of the Messages API lead to a server with another certificate."""
        self.serve("impostor", IMPOSTOR, f"{_DIRECTORY}/{certificate}.pem")
        self.internet.record(MESSAGES_NAME, IMPOSTOR)

    def no_impostor(self) -> None:
        """Have it lead to the API again."""
        self.internet.record(MESSAGES_NAME, MESSAGES)

    def all(self) -> list[Asked]:
        """Everything that arrived."""
        text = (self.host.root / _LOG.lstrip("/")).read_text()
        return [Asked(**json.loads(line)) for line in text.splitlines()]

    def new(self) -> list[Asked]:
        """What has arrived since this was called last."""
        everything = self.all()
        found = everything[self.seen :]
        self.seen = len(everything)
        return found


@contextmanager
def without_usage_module(host: TestHost) -> Iterator[None]:
    """Have nginx lack the module that reads counts of tokens."""
    modules = "/etc/nginx/modules-enabled"
    host.sh(f"mkdir /run/aside; mv {modules}/*forage-usage* /run/aside")
    try:
        yield
    finally:
        host.sh(f"mv /run/aside/* {modules}; rmdir /run/aside")
