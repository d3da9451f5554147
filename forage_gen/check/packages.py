"""Rules about what is installed in a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen.check.rule import Finding, RuleBook
from forage_gen.diagnostics import Severity
from forage_gen.values.packages import format_attribute_path
from forage_gen.values.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forage_gen.resolve.inherit import Merged
    from forage_gen.resolve.resolve import Resolved
    from forage_gen.values.packages import AttributePath

rules = RuleBook()

# Attributes of nixpkgs whose purpose is to carry data between a machine and any other:
# downloads, uploads, raw connections and tunnels.
_TOOLS = frozenset(
    """
    aria2 axel curl curlFull curlHTTP3 curlMinimal curl-impersonate curlie httpie hurl lftp
    ncftp wget wget2 xh
    elinks links2 lynx w3m
    netcat netcat-gnu netcat-openbsd nmap nmap-unfree socat websocat
    busybox inetutils toybox
    croc magic-wormhole magic-wormhole-rs rclone rsync
    chisel cloudflared dropbear mosh ngrok openssh openssh_gssapi openssh_hpn
    proxychains proxychains-ng tor
    """.split()  # noqa: SIM905  a line for each of so many words reads worse
)
# The same, where the attribute is in a set.
_TOOLS_IN_SETS = frozenset({("libressl", "nc"), ("python3Packages", "httpie")})


@rules.template(
    "download-tool",
    Severity.WARNING,
    summary="A tool that downloads, uploads or tunnels is in `extraPackages`.",
    why="It makes it easy for the agent to fetch what it should not run and to send away what it"
    " should not share, and most work needs none.",
    instead='extraPackages = ["ripgrep", "fd"]\n',
)
def _download_tool(merged: Merged) -> Iterator[Finding]:
    for index, package in enumerate(merged.model.extra_packages):
        if _is_tool(package):
            name = format_attribute_path(package)
            message = f"`{name}` moves data between the sandbox and other machines."
            hint = f'Take `"{name}"` off the list; the agent\'s own tools do not need it.'
            yield Finding(message, hint, merged.value(("extraPackages", index)))


def _is_tool(package: AttributePath) -> bool:
    # The first part alone: `curl.bin` is an output of `curl`.
    return package[0] in _TOOLS or package[:2] in _TOOLS_IN_SETS


@rules.project(
    "plain-http-source",
    Severity.WARNING,
    summary="A source is fetched over `http`.",
    why="Whoever is between at the first fetch chooses what it is, and what is locked from then on"
    " is their choice.",
    instead='[sources.tool]\ntype = "url"\nurl = "https://example.org/tool-linux-x86_64"\n',
)
def _plain_http_source(resolved: Resolved) -> Iterator[Finding]:
    for name, source in resolved.inputs.project.sources.items():
        if source.url.scheme == "http":
            message = f"The source `{name}` comes over `http`: anybody between can change it."
            secure = f"https{source.url.text.removeprefix('http')}"
            hint = f"Write {shown(secure)}, then run `forage-gen lock`."
            where = resolved.inputs.project_file.value(("sources", name, "url"))
            yield Finding(message, hint, where)
