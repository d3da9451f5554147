"""The API proxy's files: nginx takes them as they are, and each says of a sandbox what it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen.emit.emit import emit
from forage_gen.resolve.plan import API_RUNTIME, AUDIT, AUDIT_LOGS, AUDIT_PARTS
from tests.host.apis import without_usage_module
from tests.read.projects import TEMPLATE, resolved

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testhost.host import Completed, TestHost

LONG = "-".join("abcdefghijklmnopqrstuvwxyz")
AGENT = f'{TEMPLATE}[agents.claude]\npackage = "claude-code"\nsecretName = "key"\n'
PROXIES = """
[proxies.own]
upstream = "https://own.example:8443/api/v3"
secretName = "key"
paths = ["/a+b/*.json", "/c/**", "/"]
[proxies.{long}]
upstream = "https://own.example"
secretName = "{secret}"
header = "{header}"
paths = ["/{path}"]
"""


def emitted(
    root: Path, sandboxes: dict[str, tuple[str, str]], secret: str, settings: str = ""
) -> dict[str, str]:
    """The files of a project with templates `a`, `a-0` and a long one, of which each has a part."""
    proxies = PROXIES.format(long=LONG, secret=secret, header="X" * 64, path="x*/" * 150)
    text = f'user = "alice"\n{settings}[secrets]\nkey = "/run/secrets/key"\n'
    text += f'"{secret}" = "/srv/key"\n{proxies}'
    for name, (template, used) in sandboxes.items():
        text += f'[sandboxes.{name}]\ntemplate = "{template}"\nworkspace = "/srv/{name}"\n'
        text += f"proxies = {used}\n"
    files = {"forage.toml": text, "templates/a.toml": AGENT, "templates/a-0.toml": TEMPLATE}
    files[f"templates/{LONG}.toml"] = f'proxies = ["own"]\n{AGENT}'
    return {each.path: each.content.decode() for each in emit(resolved(root, files).plan)}


SANDBOXES = {
    "one": ("a", '["own"]'),
    "two": ("a", "[]"),
    "bare": ("a-0", "[]"),
    "long": (LONG, f'["{LONG}"]'),
}


@pytest.mark.parametrize("secret", ["other", "x." * 60 + "x"])
def test_nginx_takes_the_files(tmp_path: Path, host: TestHost, secret: str) -> None:
    done = taken(host, emitted(tmp_path, SANDBOXES, secret))
    assert done.returncode == 0, done.stderr


def taken(host: TestHost, files: dict[str, str]) -> Completed:
    directory = "/run/taken"
    for path in (path for path in files if path.startswith("api/")):
        text = files[path].replace("/run/forage-api-keys", f"{directory}/api/closed")
        for name in (API_RUNTIME, AUDIT):
            text = text.replace(name, directory)
        host.write(f"{directory}/{path}", text)
    done = host.run("nginx", "-t", "-e", "stderr", "-c", f"{directory}/api/nginx.conf", check=False)
    host.run("rm", "-r", directory)
    return done


def test_where_tokens_are_not_counted_nginx_takes_no_module(tmp_path: Path, host: TestHost) -> None:
    counting = emitted(tmp_path / "on", SANDBOXES, "other")
    files = emitted(tmp_path / "off", SANDBOXES, "other", "auditTokens = false\n")
    assert not any("forage_usage" in files[path] for path in files if path.startswith("api/"))
    assert f'tokenCounts = [\n        "a"\n        "{LONG}"\n      ];' in counting["default.nix"]
    assert "tokenCounts = [ ];" in files["default.nix"]

    with without_usage_module(host):
        assert taken(host, files).returncode == 0
        # The control.
        assert 'unknown directive "forage_usage"' in taken(host, counting).stderr


def test_each_file_says_of_a_sandbox_what_it_may(tmp_path: Path) -> None:
    files = emitted(tmp_path, SANDBOXES, "other")
    assert "api/templates/a.conf" in files
    assert "api/templates/a-0.conf" not in files
    clients = files["api/clients.conf"]
    asking = {name for name in SANDBOXES if f" {name};\n" in clients}
    assert asking == {"one", "two", "long"}
    linked = {name for name in SANDBOXES if f"nftables/sandboxes/{name}.nft" in files}
    assert linked == asking
    for name in linked:
        assert "inet forage apis" in files[f"nftables/sandboxes/{name}.nft"]


def test_another_sandbox_changes_no_other_ones_files(tmp_path: Path) -> None:
    before = emitted(tmp_path / "before", SANDBOXES, "other")
    more = {**SANDBOXES, "zz": ("a", f'["own", "{LONG}"]')}
    after = emitted(tmp_path / "after", more, "other")
    own = {path for path in before if any(f"/{name}." in path for name in SANDBOXES)}
    assert any(path.startswith("sandboxes/") for path in own)
    assert {path for path in own if before[path] != after[path]} == set()


def test_what_has_a_log_begin_anew_knows_where_it_is(tmp_path: Path) -> None:
    files = emitted(tmp_path, SANDBOXES, "other")
    rotations = {path for path in files if path.startswith("api/logrotate/")}
    assert rotations == {f"api/logrotate/{name}.conf" for name in AUDIT_LOGS}
    for name, count in AUDIT_LOGS.items():
        text = files[f"api/logrotate/{name}.conf"]
        assert f"\n{AUDIT}/{name}.log {{\n" in text
        assert f'"$(cat {API_RUNTIME}/pid)"' in text
        assert f"\n    rotate {count - 1}\n" in text
        assert f" {AUDIT}/{name}.log audit " in files["api/nginx.conf"]
    # Of each file two.
    assert sum(AUDIT_LOGS.values()) * 2 == AUDIT_PARTS
