"""Public keys of the people who may log in to a sandbox.

One line of authorized_keys (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"): the type,
the key in base64, a comment. The key's inside is checked too: it repeats the
type and has a fixed structure (RFC 4253, section 6.6; RFC 5656, section 3.1;
RFC 8709, section 4; OpenSSH's PROTOCOL.u2f), so a key that lost its end while
it was copied is noticed now, not at the first login.
"""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import closest, refuse_unsafe, shown

RSA_BITS_MIN = 2_048
"""The shortest RSA key that is not refused as weak (NIST SP 800-131A)."""

LINE_MAX = 8_192
"""The most characters of a line; sshd reads as many."""

_RSA_BITS_MAX = 16_384  # OpenSSH's own limit
_ED25519_BYTES = 32
_EXAMPLE = "ssh-ed25519 AAAA… alice@laptop"
_PRIVATE = re.compile(
    r"BEGIN[A-Z0-9 ]* PRIVATE KEY|PuTTY-User-Key-File|b3BlbnNzaC1rZXktdjE|Private-Lines",
)
_OTHER_FORMAT = re.compile(r"-{4,5} ?BEGIN (?:SSH2 |RSA )?PUBLIC KEY")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SPACES = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve of FIPS 186: y² = x³ - 3x + b over the field of `prime`."""

    prime: int
    b: int

    @property
    def size(self) -> int:
        return (self.prime.bit_length() + 7) // 8

    def has(self, point: bytes) -> bool:
        """Return whether an uncompressed point (SEC 1, section 2.3.3) is on the curve."""
        if len(point) != 1 + 2 * self.size or point[0] != 4:  # noqa: PLR2004 - the octet of SEC 1
            return False
        x = int.from_bytes(point[1 : 1 + self.size])
        y = int.from_bytes(point[1 + self.size :])
        prime = self.prime
        return x < prime and y < prime and (y * y - (x * x * x - 3 * x + self.b)) % prime == 0


_CURVES = {
    b"nistp256": _Curve(
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    b"nistp384": _Curve(
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    b"nistp521": _Curve(
        2**521 - 1,
        0x51953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}
TYPES = frozenset(
    {
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-rsa",
    },
)
"""The types of keys that are taken."""

_WEAK_TYPES = frozenset({"ssh-dss", "ssh-rsa1"})


@dataclass(frozen=True, slots=True)
class AuthorizedKey:
    """A public key. Its `str()` is its line in authorized_keys.

    Attributes:
        type: The type of the key, such as `ssh-ed25519`.
        key: The key in base64.
        comment: The comment, or nothing. It plays no part at a login.
    """

    type: str
    key: str
    comment: str

    def __str__(self) -> str:
        return f"{self.type} {self.key} {self.comment}".rstrip()


def authorized_key(text: str) -> AuthorizedKey:
    """Read one public key.

    Options before the key, as `command="…"` or `from="…"`, are not taken: who
    logs in gets a shell in a sandbox, which is restricted as a whole, and an
    option that is quoted wrongly shuts everybody out. Nor are certificates,
    as a host trusts a certificate's issuer, not one certificate.

    Args:
        text: A line as in `~/.ssh/id_ed25519.pub`.

    Returns:
        The key.

    Raises:
        ValueProblem: It is no public key of OpenSSH, weak, or damaged.
            `sensitive` is set if it may be a private key; the message then
            does not repeat it.
    """
    line = text.strip()
    _refuse_other_things(line)
    kind, _, rest = _SPACES.sub(" ", line).partition(" ")
    if kind not in TYPES:
        raise _not_a_type(kind, rest)
    key, _, comment = rest.partition(" ")
    fields = _fields(key)
    if fields is None or not fields or fields[0] != kind.encode():
        raise _damaged(kind)
    _check_structure(kind, fields)
    return AuthorizedKey(kind, key, comment)


def _refuse_other_things(line: str) -> None:
    if line == "":
        raise ValueProblem(
            code="ssh-key-empty",
            message="The key is empty.",
            hint=f"Write the line of a `.pub` file, such as `{_EXAMPLE}`.",
        )
    if _PRIVATE.search(line):
        raise ValueProblem(
            code="ssh-key-private",
            message="This is a private key; the value is not shown here.",
            hint="Write the public key, which is in the file that ends in `.pub`, and replace the"
            " private key if this file was ever shared.",
            sensitive=True,
        )
    if _OTHER_FORMAT.match(line):
        raise ValueProblem(
            code="ssh-key-format",
            message="The key is in another format than OpenSSH's.",
            hint="Convert it with `ssh-keygen -i`, and write the one line that it prints.",
        )
    if "\n" in line:
        raise ValueProblem(
            code="ssh-key-lines",
            message="The key has more than one line.",
            hint="Write each key as an entry of its own, on one line.",
            sensitive=True,
        )
    refuse_unsafe(line, "ssh-key-control-character", "a key", allow="\t")
    if len(line) > LINE_MAX:
        raise ValueProblem(
            code="ssh-key-too-long",
            message=f"The key is longer than the {LINE_MAX} characters that sshd reads.",
            hint=f"Write the line of a `.pub` file, such as `{_EXAMPLE}`.",
        )
    if line.endswith(".pub") and " " not in line:
        raise ValueProblem(
            code="ssh-key-path",
            message=f"{shown(line)} is the path of a key, not the key.",
            hint=f"Write what is in the file, such as `{_EXAMPLE}`.",
        )


def _not_a_type(kind: str, rest: str) -> ValueProblem:
    if kind in _WEAK_TYPES:
        return ValueProblem(
            code="ssh-key-weak",
            message=f"`{kind}` keys are too weak; today's sshd refuses them.",
            hint="Make a key with `ssh-keygen -t ed25519`.",
        )
    if "-cert-v01@openssh.com" in kind:
        return ValueProblem(
            code="ssh-key-certificate",
            message="This is a certificate, not a key.",
            hint="Write the key itself, from the `.pub` file without `-cert`.",
        )
    if any(f" {known} AAAA" in f" {rest}" for known in TYPES):
        return ValueProblem(
            code="ssh-key-options",
            message="The key has options before it, which Forage does not take: whoever logs in"
            " gets a shell in the sandbox.",
            hint="Write the key from its type on, without the options.",
        )
    near = closest(kind, sorted(TYPES)) if rest.startswith("AAAA") else None
    return ValueProblem(
        code="ssh-key-invalid",
        message="This is not a public key of OpenSSH.",
        hint=f"The line begins with `{near}`."
        if near
        else f"Write the line of a `.pub` file, such as `{_EXAMPLE}`.",
        # Who knows what was pasted.
        sensitive=True,
    )


def _damaged(kind: str) -> ValueProblem:
    return ValueProblem(
        code="ssh-key-damaged",
        message=f"The `{kind}` key is damaged; perhaps a part of it was not copied.",
        hint="Copy the line of the `.pub` file again, as a whole.",
    )


def _fields(key: str) -> list[bytes] | None:
    """Split a key into its strings (RFC 4251, section 5), or return None."""
    if not _BASE64.fullmatch(key) or len(key) % 4:
        return None
    blob = b64decode(key)
    # Bits after the end would be lost: another text for the same key.
    if b64encode(blob).decode() != key:
        return None
    fields: list[bytes] = []
    position = 0
    while position < len(blob):
        start = position + 4
        position = start + int.from_bytes(blob[position:start])
        if start > len(blob) or position > len(blob):
            return None
        fields.append(blob[start:position])
    return fields


def _check_structure(kind: str, fields: list[bytes]) -> None:
    # `sk-` keys, on a token, have a last field: the application they are for.
    on_token = kind.startswith("sk-")
    if on_token and not fields.pop():
        raise _damaged(kind)
    match fields[1:]:
        case [point] if "ed25519" in kind:
            valid = len(point) == _ED25519_BYTES
        case [curve, point] if "ecdsa" in kind:
            named = kind.removesuffix("@openssh.com").rpartition("-")[2].encode()
            valid = curve == named and _CURVES[curve].has(point)
        case [exponent, modulus] if kind == "ssh-rsa":
            _check_rsa(kind, exponent, modulus)
            return
        case _:
            valid = False
    if not valid:
        raise _damaged(kind)


def _check_rsa(kind: str, exponent: bytes, modulus: bytes) -> None:
    e, n = _positive(exponent), _positive(modulus)
    # Both are odd in every key that works.
    if e is None or n is None or e % 2 == 0 or n % 2 == 0 or e == 1:
        raise _damaged(kind)
    bits = n.bit_length()
    if bits < RSA_BITS_MIN:
        raise ValueProblem(
            code="ssh-key-weak",
            message=f"The RSA key has {bits} bits, and fewer than {RSA_BITS_MIN} are too weak.",
            hint="Make a key with `ssh-keygen -t ed25519`.",
        )
    if bits > _RSA_BITS_MAX:
        raise _damaged(kind)


def _positive(mpint: bytes) -> int | None:
    """Read a multiple precision integer (RFC 4251, section 5) that is positive and minimal."""
    if not mpint or mpint[0] & 0x80 or (mpint[0] == 0 and not (mpint[1:2] and mpint[1] & 0x80)):
        return None
    return int.from_bytes(mpint)
