from __future__ import annotations

import re
import subprocess
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forage_gen.values.problem import ValueProblem
from forage_gen.values.sshkeys import AuthorizedKey, authorized_key
from tests.requirements import require
from tests.values.table import Refused, check_readable, check_refused, ids, problem_of

if TYPE_CHECKING:
    from pathlib import Path

ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIEKDIhUq9XsgnrdApUJU8CAkpv9LUdpAv+ec93L4x+uE"
LINE = f"ssh-ed25519 {ED25519} alice@laptop"


def string(data: bytes) -> bytes:
    """A string of RFC 4251, section 5."""
    return len(data).to_bytes(4) + data


def line(kind: str, *fields: bytes) -> str:
    blob = string(kind.encode()) + b"".join(map(string, fields))
    return f"{kind} {b64encode(blob).decode()}"


def test_a_key() -> None:
    assert authorized_key(LINE) == AuthorizedKey("ssh-ed25519", ED25519, "alice@laptop")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (LINE, LINE),
        (LINE + "\n", LINE),
        (f"  ssh-ed25519 \t{ED25519}  alice's  laptop ", f"ssh-ed25519 {ED25519} alice's laptop"),
        (f"ssh-ed25519 {ED25519}", f"ssh-ed25519 {ED25519}"),
        (line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),) * 2,
        (line("ssh-rsa", b"\1\0\1", b"\0" + b"\xc1" * 256),) * 2,
    ],
)
def test_a_line_reads_back_as_itself(text: str, canonical: str) -> None:
    assert str(authorized_key(text)) == canonical
    assert authorized_key(canonical) == authorized_key(text)


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "ssh-key-empty", "is empty", "a `.pub` file"),
        Refused("~/.ssh/id_ed25519.pub", "ssh-key-path", "the path of a key", "in the file"),
        Refused(f"{LINE}\n{LINE}", "ssh-key-lines", "more than one line", "an entry of its own"),
        Refused(f"{LINE}\0", "ssh-key-control-character", "a NUL byte", "without control"),
        Refused(f'command="x" {LINE}', "ssh-key-options", "has options", "from its type on"),
        Refused(f"restrict {LINE}", "ssh-key-options", "has options", "from its type on"),
        Refused("ssh-dss AAAAB3NzaC1kc3M=", "ssh-key-weak", "`ssh-dss`", "ssh-keygen -t ed25519"),
        Refused(
            "ssh-ed25519-cert-v01@openssh.com AAAA",
            "ssh-key-certificate",
            "a certificate",
            "without `-cert`",
        ),
        Refused(f"ssh-ed25591 {ED25519}", "ssh-key-invalid", "not a public key", "`ssh-ed25519`"),
        Refused(ED25519, "ssh-key-invalid", "not a public key", "a `.pub` file"),
        Refused("alice", "ssh-key-invalid", "not a public key", "a `.pub` file"),
        Refused("---- BEGIN SSH2 PUBLIC KEY ----", "ssh-key-format", "another format", "-i`"),
        Refused("-----BEGIN PUBLIC KEY-----", "ssh-key-format", "another format", "-i`"),
        Refused(LINE + "x" * 8192, "ssh-key-too-long", "8192 characters", "a `.pub` file"),
        # Damage.
        Refused("ssh-ed25519", "ssh-key-damaged", "is damaged", "as a whole"),
        Refused(f"ssh-ed25519 {ED25519[:-4]}", "ssh-key-damaged", "is damaged", "as a whole"),
        Refused(f"ssh-ed25519 {ED25519[:-1]}", "ssh-key-damaged", "is damaged", "as a whole"),
        Refused(f"ssh-ed25519 {ED25519}AAAA", "ssh-key-damaged", "is damaged", "as a whole"),
        Refused(f"ssh-rsa {ED25519}", "ssh-key-damaged", "`ssh-rsa` key is damaged", "as a whole"),
        Refused("ssh-ed25519 ", "ssh-key-damaged", "is damaged", "as a whole"),
        Refused("ssh-ed25519 =AAA", "ssh-key-damaged", "is damaged", "as a whole"),
        Refused(line("ssh-ed25519", bytes(31)), "ssh-key-damaged", "is damaged", "as a whole"),
        Refused(line("ssh-rsa", b"\2", b"\xc1"), "ssh-key-damaged", "is damaged", "as a whole"),
        Refused(
            line("ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"\1" * 64),
            "ssh-key-damaged",
            "is damaged",
            "as a whole",
        ),
        Refused(
            line("ecdsa-sha2-nistp256", b"nistp384", b"\4" + b"\1" * 64),
            "ssh-key-damaged",
            "is damaged",
            "as a whole",
        ),
        Refused(
            line("ssh-rsa", b"\1\0\1", b"\0" + b"\xc1" * 128),
            "ssh-key-weak",
            "1024 bits",
            "ssh-keygen -t ed25519",
        ),
    ],
    ids=ids,
)
def test_authorized_key_refuses(case: Refused) -> None:
    check_refused(authorized_key, case)


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
        "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAAIEKD\n",
    ],
)
def test_a_private_key_is_refused_and_not_repeated(text: str) -> None:
    problem = problem_of(authorized_key, text)
    assert problem.code == "ssh-key-private"
    assert problem.sensitive
    check_readable(problem)
    for part in text.split("\n"):
        assert not part or part not in problem.message + problem.hint


# What ssh-keygen is asked to make, and whether Forage takes it.
MADE = [
    (["-t", "ed25519"], None),
    (["-t", "ecdsa", "-b", "256"], None),
    (["-t", "ecdsa", "-b", "384"], None),
    (["-t", "ecdsa", "-b", "521"], None),
    (["-t", "rsa", "-b", "2048"], None),
    (["-t", "rsa", "-b", "1024"], "ssh-key-weak"),
]


def fingerprint(directory: Path, text: str) -> str | None:
    """What `ssh-keygen -l` makes of a line: its fingerprint, or nothing."""
    file = directory / "key.pub"
    file.write_text(text + "\n", "utf-8")
    done = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"SHA256:\S+", done.stdout)
    return found[0] if found else None


@pytest.mark.parametrize(("arguments", "code"), MADE)
def test_keys_of_ssh_keygen(tmp_path: Path, arguments: list[str], code: str | None) -> None:
    require("ssh-keygen")
    file = tmp_path / "id"
    subprocess.run(
        ["ssh-keygen", "-q", *arguments, "-N", "", "-C", "alice's laptop", "-f", str(file)],
        check=True,
    )
    public = (tmp_path / "id.pub").read_text("utf-8")
    if code is None:
        key = authorized_key(public)
        assert str(key) == public.strip()
        assert key.comment == "alice's laptop"
        assert fingerprint(tmp_path, str(key)) == fingerprint(tmp_path, public.strip()) is not None
    else:
        assert problem_of(authorized_key, public).code == code
    assert problem_of(authorized_key, file.read_text("utf-8")).code == "ssh-key-private"


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ssh_keygen_reads_what_is_taken(tmp_path: Path, data: st.DataObject) -> None:
    require("ssh-keygen")
    kind = data.draw(
        st.sampled_from(
            ["ssh-ed25519", "ssh-rsa", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256"]
        ),
    )
    point = {"ssh-ed25519": 32, "sk-ssh-ed25519@openssh.com": 32}.get(kind, 65)
    fields = {
        "ssh-rsa": [b"\1\0\1", b"\0" + b"\xc1" * 256],
        "ecdsa-sha2-nistp256": [b"nistp256", b"\4" + b"\1" * (point - 1)],
        "sk-ssh-ed25519@openssh.com": [bytes(point), b"ssh:"],
        "ssh-ed25519": [bytes(point)],
    }[kind]
    blob = bytearray(b64decode(line(kind, *fields).split()[1]))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    text = f"{kind} {b64encode(blob).decode()} comment"
    try:
        authorized_key(text)
    except ValueProblem:
        return
    assert fingerprint(tmp_path, text) is not None
