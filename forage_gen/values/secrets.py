"""Secrets: paths of files that exist on the host at run time, never their contents.

A key that is written where its path belongs would end up in the repository,
the Nix store and every generated file. So the rules below refuse whatever
looks like one, and no message ever repeats it.
"""

import math
import re
from collections import Counter
from typing import NewType

from forage_gen.values.paths import host_path, is_at_or_below
from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

SecretPath = NewType("SecretPath", str)

# How keys begin, as their makers document it for secret scanners.
_KEY = re.compile(
    r"""
    -----BEGIN\x20                                  # PEM (RFC 7468), OpenSSH and PGP
    | (?:Bearer|Basic|token)\x20
    | eyJ[A-Za-z0-9_-]{10,}                         # JSON Web Token, encrypted or signed (RFC 7519)
    | (?:sk|pk|rk)[-_](?:[A-Za-z0-9_-]){8,}         # Anthropic, OpenAI, Stripe, OpenRouter
    | gh[a-z]_[A-Za-z0-9]{8,} | github_pat_         # GitHub
    | gl[a-z]{2,5}-[A-Za-z0-9_-]{8,}                # GitLab
    | AIza[A-Za-z0-9_-]{8,} | ya29\. | GOCSPX-      # Google
    | xox[a-z]-|xapp-                               # Slack
    | (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}          # AWS
    | hf_[A-Za-z0-9]{8,} | r8_[A-Za-z0-9]{8,}       # Hugging Face, Replicate
    | gsk_ | xai- | pplx- | fw_[A-Za-z0-9]{8,}      # Groq, xAI, Perplexity, Fireworks
    | npm_[A-Za-z0-9]{8,} | pypi-[A-Za-z0-9_-]{8,}  # package registries
    | dop_v1_ | dckr_pat_ | lin_api_ | shp[a-z]{2}_ # DigitalOcean, Docker, Linear, Shopify
    | AGE-SECRET-KEY- | hv[sbr]\. | tskey- | SG\.   # age, Vault, Tailscale, SendGrid
    """,
    re.VERBOSE | re.IGNORECASE,
)
# One unbroken token, as no person types a file's name: long, and as irregular
# as chance. Words with hyphens stay below 3.5 bits a character at such lengths
# or have no digit.
_TOKEN = re.compile(r"/?[A-Za-z0-9_\-+=.~]{20,}")
_ENTROPY_MIN = 3.5
_MIXED = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).*")
_HEX = re.compile(r"[0-9A-Fa-f-]{32,}")

_STORE = "/nix/store"
_HOMES = re.compile(r"(?:/var)?/home(?:/.*)?|/(?:var/)?root(?:/.*)?|/usr/home(?:/.*)?", re.DOTALL)

_RUNTIME_SECRETS = re.compile(
    r"""
    (?: /run/secrets                # sops-nix
      | /run/secrets\.d
      | /run/secrets-for-users
      | /run/agenix                 # agenix
      | /run/agenix\.d
      | /run/keys                   # NixOps, colmena
      | /run/credentials            # systemd: credentials of other units
      | /etc/credstore(?:\.encrypted)?
      | /run/credstore(?:\.encrypted)?
    ) / .+
    """,
    re.VERBOSE | re.DOTALL,
)

_ENCRYPTED_STORES = ("/etc/credstore.encrypted", "/run/credstore.encrypted")


def secret_path(text: str, *, project: str | None = None) -> SecretPath:
    """Check the path of a secret's file.

    Args:
        text: An absolute path of a file on the host.
        project: The absolute path of the project's directory, if it is known.

    Returns:
        The path, unchanged.

    Raises:
        ValueProblem: It looks like a key, or is not the absolute path of a
            file, or lies in the Nix store, a home directory or the project.
            `sensitive` is set if it may be a key; the message then does not
            repeat it.
    """
    if looks_like_key(text):
        raise ValueProblem(
            code="secret-is-key",
            message="This looks like a key itself; the value is not shown here.",
            hint="Write the path of a file that holds it, such as `/run/secrets/anthropic`, and"
            " revoke the key if this file was ever shared.",
            sensitive=True,
        )
    if text.startswith("~"):
        raise _in_home(text)
    if not text.startswith("/"):
        raise ValueProblem(
            code="secret-not-absolute",
            message="A secret must be an absolute path; the value is not shown, as it may be a"
            " key.",
            hint="Write the path of a file on the host, such as `/run/secrets/anthropic`.",
            sensitive=True,
        )
    if text.endswith("/"):
        raise ValueProblem(
            code="secret-directory",
            message=f"{shown(text)} is a directory.",
            hint="Write the path of the one file that holds the secret.",
        )
    path = host_path(text).text
    _refuse_place(path, project)
    return SecretPath(path)


def looks_like_key(text: str) -> bool:
    """Return whether a text is more probably a key than a path."""
    stripped = text.strip().strip("\"'")
    if stripped.startswith(("/", "~")) and "/" in stripped[1:]:
        return False
    if _KEY.match(stripped):
        return True
    if _HEX.fullmatch(stripped):
        return True
    if not _TOKEN.fullmatch(stripped):
        return False
    return _MIXED.fullmatch(stripped) is not None and _entropy(stripped) >= _ENTROPY_MIN


def is_runtime_secret_dir(path: str) -> bool:
    """Return whether a path lies where a secret manager puts secrets at run time.

    These directories are in memory or encrypted, and closed to other users.

    Args:
        path: A canonical absolute path.
    """
    return _RUNTIME_SECRETS.fullmatch(path) is not None


def is_encrypted(path: str) -> bool:
    """Return whether a path lies where systemd keeps encrypted credentials (systemd-creds(1)).

    Args:
        path: A canonical absolute path.
    """
    return any(is_at_or_below(path, store) for store in _ENCRYPTED_STORES)


def _entropy(text: str) -> float:
    """Shannon's entropy in bits a character."""
    length = len(text)
    return -sum(n / length * math.log2(n / length) for n in Counter(text).values())


def _in_home(text: str) -> ValueProblem:
    return ValueProblem(
        code="secret-in-home",
        message=f"{shown(text)} is in a home directory, where every program of its user reads it.",
        hint="Let a secret manager such as sops-nix or agenix place it in `/run/secrets`.",
    )


def _refuse_place(path: str, project: str | None) -> None:
    if is_at_or_below(path, _STORE):
        raise ValueProblem(
            code="secret-in-store",
            message=f"{shown(path)} is in the Nix store, which every user and sandbox can read.",
            hint="Let a secret manager such as sops-nix or agenix place it in `/run/secrets`.",
        )
    if project is not None and is_at_or_below(path, project):
        raise ValueProblem(
            code="secret-in-project",
            message=f"{shown(path)} is in the project, which is copied, committed and shared.",
            hint="Let a secret manager such as sops-nix or agenix place it in `/run/secrets`.",
        )
    if _HOMES.fullmatch(path):
        raise _in_home(path)
