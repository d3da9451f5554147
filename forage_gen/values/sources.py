"""Pinned sources: where they are, which revision, and what of them is used.

A source's address goes to `nix-prefetch-url`, to `nix-prefetch-git` and to the
fetchers of nixpkgs. Some of these are shell scripts: up to 2021 `nix-prefetch-git`
evaluated its arguments (`eval $var=$arg`), and it puts a ref into a sed script to
this day. So the grammars take no character that a shell or sed would act on, and
nothing that begins with `-`.
"""

import re
from dataclasses import dataclass
from typing import NewType

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import refuse_unsafe, shown

GitRev = NewType("GitRev", str)
GitRef = NewType("GitRef", str)
Subpath = NewType("Subpath", str)
PackageFile = NewType("PackageFile", str)

URL_MAX = 2048
"""The most characters of a URL."""

SCHEMES = ("https", "http", "ssh")
"""Schemes that a source can have. What else git and curl know has no authentication, or
is a place on one machine."""

# What is longer is cut where it is shown, and would not be what to write.
_HINT_MAX = 79

# RFC 3986, section 3, without what the module's docstring rules out. A host or user that
# begins with `-` would be an option of ssh.
_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_URL = re.compile(
    rf"""
    (?P<scheme>[a-z]+) :// (?: (?P<user>{_WORD}) @ )? (?P<host>{_WORD}) (?: : [0-9]{{1,5}} )?
    (?P<path> / (?: [A-Za-z0-9._~/:@+,=-] | %[0-9A-Fa-f]{{2}} )+ )
    (?: \? (?P<query> (?: [A-Za-z0-9._~/:@+,=&-] | %[0-9A-Fa-f]{{2}} )+ ) )?
    """,
    re.VERBOSE,
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_USER = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):/+([^/?#]*)@")
_SCP = re.compile(r"(\w[\w.-]*@\w[\w.-]*):(?!//)/?([\w./~+-]+)", re.ASCII)
_FORGES = {"github": "github.com", "gitlab": "gitlab.com"}

_REV = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{4,64}")
_REF = re.compile(r"HEAD|refs(?:/[A-Za-z0-9_+@][A-Za-z0-9._+@-]*)+")
_PACKAGE_FILE = re.compile(r"packages/[A-Za-z0-9_+-][A-Za-z0-9._+-]*\.nix")


@dataclass(frozen=True, slots=True)
class SourceUrl:
    """Where a source is.

    Attributes:
        text: The URL as written.
        scheme: One of `SCHEMES`.
        path: The path, without the query.
        query: What follows `?`; empty where nothing does.
    """

    text: str
    scheme: str
    path: str
    query: str


def source_url(text: str) -> SourceUrl:
    """Read the URL of a source.

    Args:
        text: An `https`, `http` or `ssh` URL.

    Returns:
        The URL, in parts.

    Raises:
        ValueProblem: It has another form or scheme, or holds a password.
    """
    # First of all: other messages show the text.
    _refuse_credentials(text)
    _refuse_text(text)
    _refuse_other_notations(text)
    match = _URL.fullmatch(text)
    if match is None:
        raise ValueProblem(
            code="url-invalid",
            message=f"{shown(text)} is no URL that a source can have.",
            hint="Write `https://`, a host, a path, and perhaps `?` and a query; other characters"
            " than letters, digits and `._~/:@+,=-` need percent-encoding.",
        )
    return SourceUrl(text, match["scheme"], match["path"], match["query"] or "")


def _refuse_text(text: str) -> None:
    if text.strip() == "":
        raise ValueProblem(
            code="url-empty",
            message="The URL is empty.",
            hint="Write an `https://` URL.",
        )
    refuse_unsafe(text, "url-control-character", "a URL")
    if len(text) > URL_MAX:
        raise ValueProblem(
            code="url-too-long",
            message=f"The URL has {len(text):,} characters; at most {URL_MAX:,} are taken.",
            hint="Write a shorter one.",
        )


def _refuse_other_notations(text: str) -> None:
    scp = _SCP.fullmatch(text)
    if scp:
        raise ValueProblem(
            code="url-scp",
            message=f"{shown(text)} is how ssh names a path, not a URL.",
            hint=_write(f"ssh://{scp[1]}/{scp[2]}"),
        )
    match = _SCHEME.match(text)
    scheme = match[1] if match else ""
    rest = text[len(scheme) + 1 :]
    if scheme in _FORGES and not rest.startswith("//"):
        raise ValueProblem(
            code="url-flake",
            message=f"{shown(text)} is a reference to a flake, not a URL.",
            hint=_write(f"https://{_FORGES[scheme]}/{rest}"),
        )
    if scheme in SCHEMES:
        return
    plain = scheme.lower().removeprefix("git+")
    raise ValueProblem(
        code="url-scheme",
        message=f"{shown(text)} has the scheme `{scheme}`, which no source can have."
        if scheme and "//" in text
        else f"{shown(text)} has no scheme.",
        hint=_write(f"{plain}:{rest}"),
    )


def _write(url: str) -> str:
    """Hint at a URL, if it is one that is taken."""
    match = _URL.fullmatch(url)
    if match and match["scheme"] in SCHEMES and len(url) <= _HINT_MAX:
        return f"Write {shown(url)}."
    return "Write an `https://` URL, or for git an `ssh://` URL."


def _refuse_credentials(text: str) -> None:
    match = _USER.match(text)
    # ssh needs a user, who is no secret.
    if match is None or (match[1].lower().endswith("ssh") and ":" not in match[2]):
        return
    # The value may be a secret: neither it nor its line is shown.
    raise ValueProblem(
        code="url-credentials",
        message="The URL holds a user or a password; the value is not shown here.",
        hint="Take out what is before `@`. Put credentials into ~/.netrc, or use an `ssh://` URL.",
        sensitive=True,
    )


def store_name(name: str) -> str:
    """Name what a source holds in the Nix store.

    Where a prefetch and a fetcher use the same name, the second downloads nothing.
    """
    return f"{name}-source"


def git_rev(text: str) -> GitRev:
    """Check the hash of a commit.

    Args:
        text: 40 hexadecimal digits in lower case (64 in a repository that uses SHA-256).

    Returns:
        The hash, unchanged.

    Raises:
        ValueProblem: It is anything else.
    """
    if _REV.fullmatch(text):
        return GitRev(text)
    if _REV.fullmatch(text.lower()):
        hint = f"Write it in lower case: {shown(text.lower())}."
    elif _HEXADECIMAL.fullmatch(text):
        hint = f"Write all of its digits: `git rev-parse {text}` prints them."
    else:
        hint = "Write a commit's 40 hexadecimal digits; a branch or tag goes into `ref`."
    raise ValueProblem(
        code="rev-invalid", message=f"{shown(text)} is no full hash of a commit.", hint=hint
    )


def git_ref(text: str) -> GitRef:
    """Check the full name of a branch, a tag or another ref.

    Args:
        text: `HEAD`, or a name that begins with `refs/` (git-check-ref-format(1)), of ASCII
            letters, digits and `._+@-`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It is a short name, which can mean a branch and a tag, or none at all.
    """
    if _is_ref(text):
        return GitRef(text)
    if _REV.fullmatch(text.lower()):
        hint = "A commit goes into `rev`."
    elif _is_ref(f"refs/heads/{text}") and len(text) <= _HINT_MAX and "refs/" not in text:
        hint = f"Write `refs/heads/{text}` for a branch, `refs/tags/{text}` for a tag."
    else:
        hint = "Write a name such as `refs/heads/main` or `refs/tags/v1.0`, of ASCII characters."
    raise ValueProblem(
        code="ref-invalid", message=f"{shown(text)} is no full name of a ref.", hint=hint
    )


def _is_ref(text: str) -> bool:
    badly_ended = any(part.endswith((".", ".lock")) for part in text.split("/"))
    return _REF.fullmatch(text) is not None and ".." not in text and not badly_ended


def subpath(text: str) -> Subpath:
    """Check a path inside a source.

    Args:
        text: A relative path that leaves nothing to be resolved.

    Returns:
        The path, unchanged.

    Raises:
        ValueProblem: It is absolute, or has a part that is empty, `.` or `..`.
    """
    refuse_unsafe(text, "subpath-control-character", "a path")
    if all(part not in ("", ".", "..") for part in text.split("/")):
        return Subpath(text)
    if ".." in text.split("/"):
        message = f"{shown(text)} leads out of the source."
    elif text.startswith("/"):
        message = f"{shown(text)} is an absolute path."
    else:
        message = f"{shown(text)} has a part that is empty or `.`."
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    hint = f"Write a path inside the source, such as {shown('/'.join(parts) or 'bin/tool')}."
    raise ValueProblem(code="subpath-invalid", message=message, hint=hint)


def package_file(text: str) -> PackageFile:
    """Check the name of a Nix file of the project.

    Args:
        text: `packages/NAME.nix`, relative to the project's directory.

    Returns:
        The path, unchanged.

    Raises:
        ValueProblem: It is elsewhere, or no `.nix` file.
    """
    if _PACKAGE_FILE.fullmatch(text):
        return PackageFile(text)
    name = text.rpartition("/")[2].removesuffix(".nix")
    fitting = f"packages/{name}.nix"
    hint = (
        f"Put the file into `packages`, and write {shown(fitting)}."
        if _PACKAGE_FILE.fullmatch(fitting)
        else "Put a Nix file into `packages`, and write for example `packages/tool.nix`."
    )
    message = f"{shown(text)} is no Nix file in the project's directory `packages`."
    raise ValueProblem(code="package-file-invalid", message=message, hint=hint)
