"""SHA-256 hashes as Nix's tools print them, in the one form that forage.lock has."""

from __future__ import annotations

import base64
import re

from forage_gen.resolve.pins import SRI

# Nix's base-32: without e, o, t and u; the last digit is the least significant, and the
# bytes are in little-endian order (nix/src/libutil/hash.cc, `printHash32`).
_DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"
_BASE32 = re.compile(rf"[{_DIGITS}]{{52}}")
_BASE16 = re.compile(r"[0-9a-f]{64}")
_BYTES = 32


def to_sri(text: str) -> str:
    """Write a SHA-256 hash in SRI form.

    Args:
        text: The hash in Nix's base-32, in base 16, or in SRI form already.

    Raises:
        ValueError: It is no such hash.
    """
    if SRI.fullmatch(text):
        return text
    if _BASE16.fullmatch(text):
        digest = bytes.fromhex(text)
    elif _BASE32.fullmatch(text):
        digest = _from_base32(text)
    else:
        message = "no SHA-256 hash"
        raise ValueError(message)
    return f"sha256-{base64.b64encode(digest).decode()}"


def _from_base32(text: str) -> bytes:
    number = 0
    for digit in text:
        number = number << 5 | _DIGITS.index(digit)
    try:
        return number.to_bytes(_BYTES, "little")
    except OverflowError as failure:  # 52 digits have 4 bits more than 32 bytes
        message = "no SHA-256 hash"
        raise ValueError(message) from failure
