r"""Names: of sandboxes, templates, agents, secrets, mounts and sources.

A sandbox's name is used as it is in many places at once, so it has to satisfy
the strictest of them:

- the host name of the sandbox: one label of RFC 1123, section 2.1, at most 63
  bytes (RFC 1035, section 2.3.4);
- the machine name: `systemd-nspawn --machine=`, a host name as well;
- a part of unit names. systemd.unit(5) allows 255 characters and writes each
  `-` of a path as the four characters `\x2d`;
- a file name, and a part of nftables identifiers.
"""

import re
import unicodedata
from typing import NewType

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

SandboxName = NewType("SandboxName", str)
TemplateName = NewType("TemplateName", str)
AgentName = NewType("AgentName", str)
SecretName = NewType("SecretName", str)
MountName = NewType("MountName", str)
ProxyName = NewType("ProxyName", str)
SourceName = NewType("SourceName", str)

LABEL_MAX = 63
"""The most bytes of one host name label (RFC 1035, section 2.3.4)."""

SECRET_NAME_MAX = 200
"""What leaves room for the rest of the name of a unit's drop-in (NAME_MAX, 255 bytes)."""

# No two hyphens in a row. `run-forage-workspaces-NAME.mount` takes four
# characters for each hyphen of NAME, and 63 bytes that are nearly all hyphens
# exceed the 255 of a unit name. RFC 5891 reserves `xn--` and its like besides.
_LABEL = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_SECRET = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")

# `localhost` always means the machine itself (RFC 6761, section 6.3;
# nss-myhostname(8)). `host` is kept for the host: machinectl(1) calls it
# `.host`, and a sandbox of that name would be taken for it. (Names with an
# underscore or a dot, as `_gateway`, fail the grammar anyway.)
_RESERVED = frozenset({"host", "localhost"})

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_LABEL = re.compile(r"[^a-z0-9]+")
_NOT_SECRET = re.compile(r"[^A-Za-z0-9_.-]+")


def sandbox_name(text: str) -> SandboxName:
    """Check the name of a sandbox.

    Args:
        text: The key below `[sandboxes]`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It cannot be host name, machine name and unit name at once.
    """
    _check_label(text, "sandbox")
    if text in _RESERVED:
        raise ValueProblem(
            code="name-reserved",
            message=f"{shown(text)} cannot name a sandbox: it always means the host itself.",
            hint=f"Choose another name, such as `{text}-sandbox`.",
        )
    return SandboxName(text)


def template_name(text: str) -> TemplateName:
    """Check the name of a template, which names units (`forage-resolver@T`) and files.

    Args:
        text: The stem of the template's file.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It cannot be part of unit and file names.
    """
    _check_label(text, "template")
    return TemplateName(text)


def agent_name(text: str) -> AgentName:
    """Check the name of an agent, which is the command that starts it.

    Args:
        text: The key below `[agents]`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It does not follow the rule of the other names.
    """
    _check_label(text, "agent")
    return AgentName(text)


def mount_name(text: str) -> MountName:
    """Check the name of a mount, which `extends` merges by.

    Args:
        text: The key below `[workspace.mounts]`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It does not follow the rule of the other names.
    """
    _check_label(text, "mount")
    return MountName(text)


def proxy_name(text: str) -> ProxyName:
    """Check the name of an API that the proxy asks, which is a part of its address.

    Args:
        text: The key below `[proxies]`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It does not follow the rule of the other names.
    """
    _check_label(text, "proxy")
    return ProxyName(text)


def source_name(text: str) -> SourceName:
    """Check the name of a source, which is also that of the program made from it.

    Args:
        text: The key below `[sources]`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It does not follow the rule of the other names.
    """
    _check_label(text, "source")
    return SourceName(text)


def secret_name(text: str) -> SecretName:
    """Check the name of a secret, which becomes a credential and a file in `/run/secrets`.

    systemd's credential names are file names of printable ASCII without `:`,
    at most 255 bytes (systemd.exec(5), `LoadCredential=`). Forage takes
    letters, digits, `_`, `.` and `-` of these, as no other needs quoting
    anywhere.

    Args:
        text: The key below `[secrets]`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It cannot be the name of a credential.
    """
    if _SECRET.fullmatch(text) and len(text) <= SECRET_NAME_MAX:
        return SecretName(text)
    suggestion = _NOT_SECRET.sub("-", _ascii(text)).strip("-").lstrip(".")[:SECRET_NAME_MAX]
    hint = f"Write `{suggestion}`." if suggestion else "Write a name such as `anthropic`."
    if len(text) > SECRET_NAME_MAX:
        raise ValueProblem(
            code="secret-name-too-long",
            message=f"{shown(text)} is {len(text)} characters long; the name of a secret"
            f" has at most {SECRET_NAME_MAX}.",
            hint="Choose a shorter name, such as `anthropic`.",
        )
    raise ValueProblem(
        code="secret-name-invalid",
        message=f"{shown(text)} cannot be the name of a secret: use letters, digits, `_`,"
        " `-` and `.`, and no `.` at the start.",
        hint=hint,
    )


def _check_label(text: str, what: str) -> None:
    if _LABEL.fullmatch(text) and len(text) <= LABEL_MAX:
        return
    suggestion = _suggest_label(text, what)
    hint = f"Write `{suggestion}`." if suggestion else f"Write a name such as `my-{what}`."
    if _LABEL.fullmatch(text):
        raise ValueProblem(
            code="name-too-long",
            message=f"{shown(text)} is {len(text)} characters long; the name of"
            f" {_article(what)} has at most {LABEL_MAX}.",
            hint=hint,
        )
    raise ValueProblem(
        code="name-invalid",
        message=f"{shown(text)} cannot be the name of {_article(what)}: use lower-case letters,"
        " digits and single hyphens, begin with a letter, end with a letter or digit, at most"
        f" {LABEL_MAX} characters.",
        hint=hint,
    )


def _article(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _ascii(text: str) -> str:
    """Drop accents: `é` becomes `e`."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _suggest_label(text: str, what: str) -> str:
    """Turn a name into the nearest valid one, or into nothing."""
    words = _CAMEL.sub("-", _ascii(text[: 4 * LABEL_MAX])).lower()
    label = _NOT_LABEL.sub("-", words).strip("-")
    if label and not label[0].isalpha():
        label = f"{what}-{label}"
    if label in _RESERVED and what == "sandbox":
        label = f"{label}-sandbox"
    return label[:LABEL_MAX].rstrip("-")
