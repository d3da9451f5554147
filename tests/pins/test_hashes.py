"""Hashes as Nix prints them, and as forage.lock has them."""

from __future__ import annotations

import base64
import hashlib
import subprocess

import pytest

from forage_gen.pins.hashes import to_sri
from tests.requirements import require

DIGESTS = [
    bytes(32),
    b"\xff" * 32,
    b"\x01" + bytes(31),
    bytes(31) + b"\x80",
    *(hashlib.sha256(bytes([number])).digest() for number in range(40)),
]


@pytest.mark.parametrize("option", ["--to-base16", "--to-base32"])
def test_it_is_the_hash_that_nix_means(option: str) -> None:
    require("nix-hash")
    printed = subprocess.run(
        ["nix-hash", "--type", "sha256", option, *(digest.hex() for digest in DIGESTS)],
        check=True,
        capture_output=True,
        text=True,
    )
    expected = [f"sha256-{base64.b64encode(digest).decode()}" for digest in DIGESTS]
    assert [to_sri(text) for text in printed.stdout.split()] == expected
    assert [to_sri(text) for text in expected] == expected


@pytest.mark.parametrize(
    "text",
    ["", "z" * 52, "e" * 52, "0" * 51, "0" * 53, "0" * 63, "G" * 64, "sha1-x", "sha256-AAAA"],
)
def test_it_is_no_hash(text: str) -> None:
    with pytest.raises(ValueError, match="no SHA-256 hash"):
        to_sri(text)
