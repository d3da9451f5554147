"""The virtual machine of the flake's checks expects what the test host shows.

`nix/vm-test.nix` takes a machine that runs virtual machines. What it says of attacks is in
`vm.py`, and that runs here, against the sandbox whose profile the machine's have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attacks import vm
from tests.attacks.profiles import DEFAULT
from tests.attacks.test_attacks import ATTACKS, BY_NAME

if TYPE_CHECKING:
    from tests.attacks.ground import Ground
    from tests.testhost.host import TestHost

OPEN = [attack for attack in ATTACKS if attack.why_open(DEFAULT, "agent")]
TOLD = [attack for attack in ATTACKS if "FACTS[" in attack.source]


class Shell:
    """The test host, with the two calls of a machine of NixOS's test driver that are used."""

    def __init__(self, host: TestHost) -> None:
        self._host = host

    def succeed(self, command: str) -> str:
        return self._host.sh(command).stdout

    def execute(self, command: str) -> tuple[int, str]:
        done = self._host.sh(command, check=False)
        return done.returncode, done.stdout


def test_what_is_open_and_what_is_told_of_the_host_ends_as_expected(attacked: Ground) -> None:
    attacked.running(DEFAULT)
    key = attacked.project.sandbox(DEFAULT).secrets[0].name

    found = vm.unexpected(Shell(attacked.project.host), DEFAULT, OPEN + TOLD, f"key-of-{key}\n")

    assert len(OPEN) > 1
    assert len(TOLD) > 1
    assert list(found) == []


def test_an_end_that_is_not_expected_is_told(attacked: Ground) -> None:
    attacked.running("strict")

    found = vm.unexpected(Shell(attacked.project.host), "strict", [BY_NAME["io_uring"]])

    assert [said.partition(":")[0] for said in found] == [
        "io_uring by agent in strict",
        "io_uring by root in strict",
    ]
