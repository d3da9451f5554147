from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, NamedTuple

import pytest

from forage_gen.check.registry import LINTS, RULES
from forage_gen.diagnostics import Severity
from forage_gen.starter import starter_files
from tests.check.projects import (
    CLAUDE,
    CLEAN,
    PROJECT,
    Edit,
    codes,
    edited,
    findings,
    stretch,
    with_comment,
)

if TYPE_CHECKING:
    from pathlib import Path

RESTRICTED = 'network = "restricted"\nallowedHosts = ["docs.example.org"]\n'
FULL = (CLAUDE, RESTRICTED, 'network = "full"\n')
NONE = (CLAUDE, RESTRICTED, 'network = "none"\n')
SKIP_ALL = (CLAUDE, 'allow = ["Read"]', "skipAll = true")
KEY = 'secretName = "anthropic"\n'
INSIDE = (CLAUDE, KEY, f'auth = "wrapper"\n{KEY}')
SPARE = """\
[proxies.spare]
upstream = "https://a.example"
secretName = "anthropic"
paths = ["/"]
"""
UNUSED = (PROJECT, 'anthropic = "/run/secrets/anthropic"\n', "")
CONFIG_DIR = 'hostConfigDir = "/pool/claude"\n'
LOCK = "forage.lock"
SECOND = 'template = "claude"\nworkspace = "~/projects/app"\n'


def source(scheme: str) -> Edit:
    keys = f'type = "url"\nurl = "{scheme}://example.org/tool"\n'
    return PROJECT, "[sandboxes.app]", f"[sources.tool]\n{keys}\n[sandboxes.app]"


def pin(scheme: str) -> str:
    digest = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    keys = f'type = "url", url = "{scheme}://example.org/tool", hash = "{digest}"'
    return f"version = 1\n\n[sources]\ntool = {{ {keys} }}\n"


class Found(NamedTuple):
    """Edits of the clean project, and what the rule says about the result."""

    code: str
    edits: tuple[Edit, ...]
    where: str  # what the carets stand under
    hint: str
    also: frozenset[str] = frozenset()


CASES = (
    Found("skip-all", (SKIP_ALL,), "skipAll", 'allow = ["Read", "Glob"'),
    Found(
        "skip-all-with-full-network",
        (SKIP_ALL, FULL),
        "skipAll",
        'network = "restricted"',
        frozenset({"network-full"}),
    ),
    Found(
        "host-config-readable",
        ((CLAUDE, KEY, KEY + CONFIG_DIR),),
        '"/pool/claude"',
        "`secretName`",
    ),
    Found(
        "host-config-writable",
        ((CLAUDE, KEY, f"{KEY}{CONFIG_DIR}hostConfigDirReadOnly = false\n"),),
        "false",
        "`hostConfigDirReadOnly = true`",
    ),
    Found("network-full", (FULL,), '"full"', '`network = "none"`'),
    Found("network-full", (FULL, INSIDE), '"full"', '`allowedHosts = ["api.anthropic.com"]`'),
    Found(
        "allow-lan",
        ((CLAUDE, RESTRICTED, 'network = "full"\nallowLan = true\n'),),
        "true",
        '`allowedHosts = ["192.168.1.20:8080"]`',
        frozenset({"network-full"}),
    ),
    Found("agent-cannot-reach-host", (NONE, INSIDE), '"none"', '`auth = "proxy"`'),
    Found("agent-cannot-reach-host", (NONE, (CLAUDE, KEY, ""), UNUSED), '"none"', "`secretName`"),
    Found(
        "agent-cannot-reach-host",
        ((CLAUDE, RESTRICTED, ""), INSIDE),
        "claude",
        '`network = "restricted"`',
    ),
    Found(
        "nix-daemon-without-cache",
        ((CLAUDE, "nixDaemon = false", "nixDaemon = true"),),
        "true",
        '`allowedHosts = ["cache.nixos.org"]`',
    ),
    Found(
        "nix-daemon-without-cache",
        (
            (CLAUDE, "nixDaemon = false", "nixDaemon = true"),
            (CLAUDE, "docs.example.org", "cache.nixos.org:80"),
        ),
        "true",
        "`nixDaemon = false`",
    ),
    Found(
        "wide-wildcard",
        ((CLAUDE, "docs.example.org", "*.s3.eu-central-1.amazonaws.com"),),
        '"*.s3.eu-central-1.amazonaws.com"',
        '"my-project.s3.eu-central-1.amazonaws.com"',
    ),
    Found(
        "shared-front",
        ((CLAUDE, "docs.example.org", "s3.eu-central-1.amazonaws.com"),),
        '"s3.eu-central-1.amazonaws.com"',
        '"my-bucket.s3.eu-central-1.amazonaws.com"',
    ),
    Found(
        "download-tool",
        ((CLAUDE, '"fd"', '"fd", "curl"'),),
        '"curl"',
        'Take `"curl"` off the list',
    ),
    Found(
        "no-limits",
        ((CLAUDE, "tasksMax = 512\n", ""),),
        "resourceLimits",
        "`tasksMax = 512`",
    ),
    Found("no-reset", ((CLAUDE, 'resetEvery = "daily"\n', ""),), "d", '`resetEvery = "daily"`'),
    Found(
        "disk-exceeds-memory",
        ((CLAUDE, 'diskMax = "2G"', 'diskMax = "4G"'),),
        '"4G"',
        '`diskMax = "2048M"`',
    ),
    Found(
        "disk-exceeds-memory",
        ((CLAUDE, 'diskMax = "2G"\n', ""), (CLAUDE, '"4G"', '"100M"')),
        '"100M"',
        '`memoryMax = "4096M"`',
    ),
    Found(
        "no-user-namespace",
        ((CLAUDE, "privateUsers = true", "privateUsers = false"),),
        "false",
        "`privateUsers = true`",
    ),
    Found(
        "workspace-too-wide",
        ((PROJECT, '"~/projects/app"', '"~"'),),
        '"~"',
        '`workspace = "~/projects/app"`',
    ),
    Found(
        "protected-paths-off",
        ((CLAUDE, '["@git"]', "[]"),),
        "[]",
        '`protectedPaths = ["@git"]`',
    ),
    Found(
        "protected-paths-part",
        ((CLAUDE, '["@git"]', '[".git/hooks", ".git/config"]'),),
        '[".git/hooks", ".git/config"]',
        '`"@git"`',
    ),
    Found(
        "writable-mount",
        ((CLAUDE, "\nreadOnly = true", "\nreadOnly = false"),),
        "false",
        "`readOnly = true`",
    ),
    Found(
        "secret-outside-manager",
        ((PROJECT, "/run/secrets/anthropic", "/srv/keys/anthropic"),),
        '"/srv/keys/anthropic"',
        '`anthropic = "/run/secrets/anthropic"`',
    ),
    Found(
        "workspace-shared",
        ((PROJECT, SECOND, f"{SECOND}[sandboxes.two]\n{SECOND}"),),
        '"~/projects/app"',
        "clone",
    ),
    Found(
        "unused-template",
        (("templates/idle.toml", "", CLEAN[CLAUDE]),),
        "d",
        '`template = "idle"`',
    ),
    Found(
        "unused-secret",
        ((PROJECT, "[secrets]\n", '[secrets]\nspare = "/run/secrets/spare"\n'),),
        "spare",
        '`secretName = "spare"`',
    ),
    Found(
        "unused-proxy",
        (
            (
                PROJECT,
                "[secrets]\n",
                SPARE + "[secrets]\n",
            ),
        ),
        "spare",
        '`proxies = ["spare"]`',
    ),
    Found(
        "unused-source",
        (source("https"), (LOCK, "", pin("https"))),
        "tool",
        '`package = "sources.tool"`',
    ),
    Found(
        "plain-http-source",
        (
            source("http"),
            (LOCK, "", pin("http")),
            (CLAUDE, '"fd"', '"fd", "sources.tool"'),
        ),
        '"http://example.org/tool"',
        "`https://example.org/tool`",
    ),
)
names = pytest.mark.parametrize("case", CASES, ids=[case.code for case in CASES])


def test_the_clean_project_is_clean(tmp_path: Path) -> None:
    assert findings(tmp_path, CLEAN) == []


@names
def test_a_rule_finds_it_at_its_place(tmp_path: Path, case: Found) -> None:
    found = findings(tmp_path, edited(*case.edits))
    assert codes(found) == {case.code} | case.also
    (its,) = [diagnostic for diagnostic in found if diagnostic.code == case.code]
    assert stretch(its.location) == case.where
    assert case.hint in its.hint
    assert its.severity is LINTS[case.code].severity


@names
def test_a_comment_above_allows_it(tmp_path: Path, case: Found) -> None:
    files = edited(*case.edits)
    (its,) = [found for found in findings(tmp_path, files) if found.code == case.code]
    comment = f"# forage: allow({case.code}): a test needs it"
    assert codes(findings(tmp_path, with_comment(files, its.location, comment))) == case.also


@names
def test_a_finding_reads_well(tmp_path: Path, case: Found) -> None:
    for found in findings(tmp_path, edited(*case.edits)):
        for sentence in (found.message, found.hint):
            assert sentence[0].isupper() or sentence[0] == "`"
            assert sentence[-1] in ".?"
            assert sentence.count("`") % 2 == 0
            assert len(sentence) < 300


def test_every_rule_has_a_case() -> None:
    assert {case.code for case in CASES} == set(LINTS)


@pytest.mark.parametrize("code", RULES)
def test_a_rule_describes_itself(code: str) -> None:
    rule = RULES[code]
    assert rule.code == code
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert rule.severity < Severity.ERROR
    assert rule.summary.endswith((".", ".)"))
    assert re.fullmatch(r"[A-Z][^.]*\.", rule.why)
    assert tomllib.loads(rule.instead) is not None


@pytest.mark.parametrize(
    ("edits", "severity"),
    [
        ((FULL,), Severity.WARNING),
        ((FULL, (CLAUDE, "claude-code", "aider-chat")), Severity.INFO),
    ],
    ids=["known agent", "unknown agent"],
)
def test_full_is_worse_where_the_agent_is_known(
    tmp_path: Path, edits: tuple[Edit, ...], severity: Severity
) -> None:
    unknown = (CLAUDE, '[agents.claude.permissions]\nallow = ["Read"]\n', "")
    variable = (CLAUDE, "secretName = ", 'auth = "wrapper"\nauthEnvVar = "KEY"\nsecretName = ')
    (found,) = findings(tmp_path, edited(*edits, unknown, variable))
    assert (found.code, found.severity) == ("network-full", severity)


def test_an_agent_that_asks_through_the_proxy_needs_no_network(tmp_path: Path) -> None:
    assert findings(tmp_path, edited(NONE)) == []


@pytest.mark.parametrize(
    "path",
    [
        "/home",
        "/home/bob",
        "/root",
        "/etc",
        "/etc/nixos",
        "/var/log",
        "/usr/share",
        "/srv",
        "~",
        "/home/alice",
        "/var/home/bob",
        "/nix/store",
        "/tmp",
        "/boot",
    ],
)
def test_a_wide_workspace(tmp_path: Path, path: str) -> None:
    found = findings(tmp_path, edited((PROJECT, "~/projects/app", path)))
    assert codes(found) == {"workspace-too-wide"}


@pytest.mark.parametrize(
    "path",
    ["~/app", "/home/bob/app", "/root/app", "/srv/app", "/var/lib/app", "/data", "/etcetera"],
)
def test_a_workspace_that_is_one_project(tmp_path: Path, path: str) -> None:
    assert findings(tmp_path, edited((PROJECT, "~/projects/app", path))) == []


def test_a_directory_above_the_home_is_wide(tmp_path: Path) -> None:
    home = (PROJECT, 'user = "alice"', 'user = "alice"\nhome = "/data/people/alice"')
    found = findings(tmp_path, edited(home, (PROJECT, "~/projects/app", "/data/people")))
    assert codes(found) == {"workspace-too-wide"}


@pytest.mark.parametrize(
    "host",
    [
        "*.amazonaws.com",
        "*.s3.amazonaws.com",
        "*.cloudfront.net",
        "*.github.io",
        "*.GitHub.IO:443",
        "*.vercel.app",
        "*.googleapis.com",
        "*.azureedge.net",
        "*.windows.net",
        "*.lambda-url.us-east-1.on.aws",
    ],
)
def test_a_wide_wildcard(tmp_path: Path, host: str) -> None:
    found = findings(tmp_path, edited((CLAUDE, "docs.example.org", host)))
    assert codes(found) == {"wide-wildcard"}


@pytest.mark.parametrize(
    "host",
    [
        "me.github.io",
        "*.me.github.io",
        "tool.global.ssl.fastly.net:443",
        "tool.fastlylb.net",
        "tool.azurefd.net",
        "*.bucket.s3.amazonaws.com",
        "bucket.s3.eu-central-1.amazonaws.com",
        "abc123.execute-api.us-east-1.amazonaws.com",
        "abc123.lambda-url.us-east-1.on.aws",
        "pub-123.r2.dev",
        "account.blob.core.windows.net",
        "tool.workers.dev",
        "bucket.storage.googleapis.com",
    ],
)
def test_a_name_on_a_shared_front(tmp_path: Path, host: str) -> None:
    found = findings(tmp_path, edited((CLAUDE, "docs.example.org", host)))
    assert [(each.code, each.severity) for each in found] == [("shared-front", Severity.INFO)]
    assert "a server that serves nobody else's" in found[0].hint


@pytest.mark.parametrize(
    "host",
    [
        "s3.amazonaws.com",
        "s3-eu-west-1.amazonaws.com",
        "s3.dualstack.us-east-1.amazonaws.com",
        "s3.us-west-004.backblazeb2.com",
        "storage.googleapis.com:443",
        "webhook.site",
    ],
)
def test_a_name_where_anybody_has_a_path(tmp_path: Path, host: str) -> None:
    found = findings(tmp_path, edited((CLAUDE, "docs.example.org", host)))
    assert [(each.code, each.severity) for each in found] == [("shared-front", Severity.WARNING)]


@pytest.mark.parametrize(
    "host",
    [
        "*.example.org",
        "cdn.example.org",
        "github.io",
        "cloudfront.net.example.org",
        "notcloudfront.net",
        "*.githubusercontent.com",
        "*.notamazonaws.com",
        "ec2-203-0-113-7.compute-1.amazonaws.com",
        "sts.amazonaws.com",
        "me.duckdns.org",
        "203.0.113.7:443",
    ],
)
def test_a_name_of_one_owner(tmp_path: Path, host: str) -> None:
    assert findings(tmp_path, edited((CLAUDE, "docs.example.org", host))) == []


@pytest.mark.parametrize(
    ("package", "is_tool"),
    [
        ("wget", True),
        ("netcat-openbsd", True),
        ("curl.bin", True),
        ("libressl.nc", True),
        ("python3Packages.httpie", True),
        ("phpExtensions.curl", False),
        ("python3Packages.requests", False),
        ("curlew", False),
    ],
)
def test_download_tools(tmp_path: Path, package: str, *, is_tool: bool) -> None:
    found = findings(tmp_path, edited((CLAUDE, '"fd"', f'"{package}"')))
    assert codes(found) == ({"download-tool"} if is_tool else set())


@pytest.mark.parametrize(
    ("host", "reaches"),
    [
        ("cache.nixos.org", True),
        ("cache.nixos.org:443", True),
        ("*.nixos.org", True),
        ("nixos.org", False),
        ("*.cache.nixos.org", False),
        ("cache.nixos.org:8443", False),
    ],
)
def test_the_cache_is_reached_where_it_is_allowed(
    tmp_path: Path, host: str, *, reaches: bool
) -> None:
    files = edited(
        (CLAUDE, "docs.example.org", host),
        (CLAUDE, "nixDaemon = false", "nixDaemon = true"),
    )
    assert codes(findings(tmp_path, files)) == (set() if reaches else {"nix-daemon-without-cache"})


def test_every_missing_limit_is_named(tmp_path: Path) -> None:
    limits = 'cpuQuota = "200%"\nmemoryMax = "4G"\ntasksMax = 512\n'
    (found,) = findings(tmp_path, edited((CLAUDE, limits, "")))
    assert "`cpuQuota` and `memoryMax` and `tasksMax`" in found.message


def test_read_only_workspace_needs_no_protected_paths(tmp_path: Path) -> None:
    read_only = "readOnlyWorkspace = true\nprotectedPaths = []"
    files = edited((CLAUDE, 'protectedPaths = ["@git"]', read_only))
    assert findings(tmp_path, files) == []


def two_children(parent: str, child: str) -> dict[str, str]:
    """A parent, and two templates that extend it; a sandbox uses one of them."""
    return {
        PROJECT: CLEAN[PROJECT],
        "templates/base.toml": parent,
        CLAUDE: f'extends = "base"\n{child}',
        "templates/other.toml": f'extends = "base"\n{child}',
    }


def test_an_inherited_value_is_reported_once_where_it_is_written(tmp_path: Path) -> None:
    parent = CLEAN[CLAUDE].replace("privateUsers = true", "privateUsers = false")
    found = findings(tmp_path, two_children(parent, ""))
    assert [(f.code, f.location.file) for f in found] == [
        ("no-user-namespace", "templates/base.toml"),
        ("unused-template", "templates/other.toml"),
    ]


def test_a_parent_is_not_blamed_for_what_its_children_overrule(tmp_path: Path) -> None:
    parent = CLEAN[CLAUDE].replace("privateUsers = true", "privateUsers = false")
    found = findings(tmp_path, two_children(parent, "[isolation]\nprivateUsers = true\n"))
    assert codes(found) == {"unused-template"}


def test_json_is_linted_too(tmp_path: Path) -> None:
    text = """\
{ "user": "alice",
  "sandboxes": { "app": { "template": "t", "workspace": "/etc" } },
  "templates": { "t": { "nixDaemon": false } } }
"""
    found = findings(tmp_path, {"forage.json": text})
    places = {f.code: (f.location.line, stretch(f.location)) for f in found}
    assert places == {
        "workspace-too-wide": (2, '"/etc"'),
        "no-limits": (3, '"t"'),
        "no-reset": (3, '"t"'),
    }


def test_the_starter_project_has_no_warning(tmp_path: Path) -> None:
    # That it ships a template to choose later is information.
    assert codes(findings(tmp_path, starter_files())) <= {"unused-template"}
