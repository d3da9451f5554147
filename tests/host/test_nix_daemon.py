"""A Nix daemon of the sandbox's own builds, and does not go round any fence of the sandbox."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tests.host.probes import WAYS, is_no_mount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Completed, Sandbox, TestHost
    from tests.testhost.internet import Internet

USERS = ("agent", "root")

# A trivial derivation. `salt` makes it another one.
BUILD = """
{{ salt ? "" }}:
derivation {{
  name = "probe";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" {script} ];
  inherit salt;
}}
"""

# What nixpkgs' fetchurl is at the bottom.
FETCH = """
{ url, sha256 }:
derivation {
  name = "page";
  inherit url;
  system = "builtin";
  builder = "builtin:fetchurl";
  outputHashMode = "flat";
  outputHashAlgo = "sha256";
  outputHash = sha256;
}
"""


@pytest.fixture
def builder(forage: Activated) -> Sandbox:
    """A restricted sandbox with a Nix daemon."""
    return forage.running("builder")


@pytest.fixture
def sealed(forage: Activated) -> Sandbox:
    """A sandbox with a Nix daemon and without a network."""
    return forage.running("sealed")


@pytest.fixture
def of_host(host: TestHost) -> Iterator[str]:
    """A path in the host's store that no root keeps."""
    host.write("/tmp/of-host", "of the host\n")
    yield host.run("nix-store", "--add", "/tmp/of-host").stdout.strip()
    host.run("rm", "/tmp/of-host")


def expression(script: str) -> str:
    """Write a derivation of what the shell script makes at `$out`."""
    quoted = script.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return BUILD.format(script=f'"{quoted}"')


def build(
    sandbox: Sandbox, script: str, *options: str, user: str = "agent", check: bool = True
) -> Completed:
    """Build inside, as a person would; the output's path is what it prints."""
    return nix(
        sandbox, "nix-build", "--no-out-link", *options, "-", user=user, check=check,
        input=expression(script),
    )  # fmt: skip


def nix(
    sandbox: Sandbox,
    *argv: str,
    user: str = "agent",
    check: bool = True,
    input: str | None = None,  # noqa: A002  # as in subprocess.run
    timeout: float = 60,
) -> Completed:
    """Run a command of Nix inside, as a client of the daemon."""
    return sandbox.run(
        *("env", "NIX_REMOTE=daemon", "HOME=/tmp", *argv),
        user=user, check=check, input=input, timeout=timeout,
    )  # fmt: skip


def fetch(url: str, page: str) -> tuple[str, ...]:
    """Build the command that downloads a page whose content is known."""
    digest = hashlib.sha256(page.encode()).hexdigest()
    return (
        *("nix-build", "--no-out-link", "--expr", FETCH),
        *("--argstr", "url", url, "--argstr", "sha256", digest),
    )


def on_host(host: TestHost, *argv: str, **options: object) -> Completed:
    """Run a command of Nix on the host, as a client of its daemon: the control."""
    return host.run(*argv, env={"NIX_REMOTE": "daemon"}, **options)  # type: ignore[arg-type]


def store(host: TestHost) -> tuple[set[str], str]:
    """What the host's store holds, and what its database says of it."""
    files = host.sh("find /nix/store -mindepth 1 -maxdepth 1 ! -name .links | sort").stdout
    dump = host.sh("nix-store --dump-db | sha256sum").stdout
    return set(files.split()), dump


# -- what it is for ------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
def test_a_build_works_and_its_output_is_in_the_store(forage: Activated, user: str) -> None:
    sandbox = forage.running("builder")
    before = store(forage.host)
    output = build(sandbox, f"echo built by {user} > $out", user=user).stdout.strip()

    assert sandbox.run("cat", output, user="agent").stdout == f"built by {user}\n"
    assert store(forage.host) == before


def test_a_build_uses_what_the_host_has(host: TestHost, forage: Activated, of_host: str) -> None:
    builder = forage.fresh("builder")
    text = f'derivation {{ name = "user"; system = builtins.currentSystem; builder = "/bin/sh"; \
        args = [ "-c" "read line < $from; echo $line > $out; echo $from >> $out" ]; \
        from = builtins.storePath "{of_host}"; }}'
    output = nix(builder, "nix-build", "--no-out-link", "--expr", text).stdout.strip()

    assert builder.run("cat", output).stdout == f"of the host\n{of_host}\n"
    references = nix(builder, "nix-store", "--query", "--references", output).stdout
    assert references.split() == [of_host]
    assert output not in store(host)[0]


def test_builds_are_sandboxed(builder: Sandbox) -> None:
    script = """
        for path in /workspace /etc/forage.json /home /usr; do
            [ ! -e $path ] || echo sees $path
        done > $out
        while read line; do echo "$line"; done < /proc/net/dev >> $out
    """
    seen = builder.run("cat", build(builder, script).stdout.strip()).stdout

    assert "sees" not in seen
    assert [line.split(":")[0] for line in seen.splitlines()[2:]] == ["lo"]


def test_files_of_the_host_belong_to_the_sandboxes_root(forage: Activated, of_host: str) -> None:
    builder = forage.fresh("builder")
    assert builder.run("stat", "--format=%u:%g %a", of_host).stdout == "0:0 444\n"
    output = build(builder, "echo x > $out").stdout.strip()
    assert builder.run("stat", "--format=%u:%g %a", output).stdout == "0:0 444\n"


@pytest.mark.parametrize("user", USERS)
def test_the_store_is_written_by_the_daemon_alone(builder: Sandbox, user: str) -> None:
    done = builder.run("touch", "/nix/store/planted", user=user, check=False)
    assert done.returncode
    assert builder.run("ls", "/nix/.forage", user="agent", check=False).returncode


def test_without_it_there_is_no_socket(forage: Activated) -> None:
    review = forage.running("review")
    assert review.run("ls", "-A", "/nix/var/nix/daemon-socket").stdout == ""
    units = review.run("systemctl", "list-unit-files", "nix-daemon.*", "--no-legend", check=False)
    assert units.stdout == ""


# -- the host's store ----------------------------------------------------------------------


# Root may move the host's part of the layer, too.
_WAYS = (*WAYS, 'mv "$1" /nix/.forage/moved; set -- /nix/.forage/moved')


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("place", ["/nix/.forage/host-store", "/nix/store"])
def test_root_inside_cannot_write_to_it(
    host: TestHost, builder: Sandbox, place: str, way: str
) -> None:
    before = store(host)
    script = f'{way}; echo x >"$1/planted" && echo written'
    for wrapper in ((), ("unshare", "--mount"), ("unshare", "--mount", "--user", "-r")):
        done = builder.run(*wrapper, "bash", "-c", script, "bash", place, check=False)
        assert "written" not in done.stdout
    assert store(host) == before


def test_the_hosts_root_could(host: TestHost, builder: Sandbox, forage: Activated) -> None:
    # The control: without the user namespace, the first of these ways leads to the host's store.
    assert builder.state() == "running"
    sandbox = forage.sandbox("builder")
    as_root_inside = 'setpriv --reuid="$2" --regid="$2" --clear-groups'
    script = f'{_WAYS[1]}; cd "$1"; {as_root_inside} touch planted'
    words = (f"{sandbox.nix_layer}/host-store", str(sandbox.uid_base))
    host.run("unshare", "--mount", "bash", "-euc", script, "bash", *words)
    host.run("rm", "/nix/store/planted")


@pytest.mark.parametrize("user", USERS)
def test_garbage_of_the_host_cannot_be_collected(
    host: TestHost, forage: Activated, of_host: str, user: str
) -> None:
    builder = forage.fresh("builder")
    output = build(builder, "echo garbage > $out").stdout.strip()
    before = store(host)
    nix(builder, "nix-store", "--delete", of_host, user=user, check=False)
    nix(builder, "nix-store", "--gc", user=user)
    nix(builder, "nix-collect-garbage", "--delete-old", user=user)
    nix(builder, "nix-store", "--optimise", user=user)

    assert store(host) == before
    assert builder.run("cat", of_host).stdout == "of the host\n"
    assert builder.run("ls", output, check=False).returncode  # its own is gone
    # The control: a client of the host's own daemon deletes it.
    on_host(host, "runuser", "-u", "alice", "--", "nix-store", "--delete", of_host)
    assert of_host not in store(host)[0]


def test_what_the_host_changes_later_is_seen_but_not_known(
    host: TestHost, builder: Sandbox
) -> None:
    host.write("/tmp/later", "later\n")
    path = host.run("nix-store", "--add", "/tmp/later").stdout.strip()
    assert builder.run("cat", path).stdout == "later\n"
    assert nix(builder, "nix-store", "--check-validity", path, check=False).returncode
    # It makes one of its own over that.
    builder.sh("echo later >/tmp/later")
    assert nix(builder, "nix-store", "--add", "/tmp/later").stdout.strip() == path
    assert nix(builder, "nix-store", "--check-validity", path).returncode == 0
    on_host(host, "nix-store", "--delete", path)
    host.run("rm", "/tmp/later")
    assert builder.run("cat", path).stdout == "later\n"


def test_roots_are_its_own(host: TestHost, forage: Activated, of_host: str) -> None:
    builder = forage.fresh("builder")
    host.run("nix-store", "--realise", of_host, "--add-root", "/var/tmp/root-of-host")
    assert "root-of-host" in host.run("nix-store", "--gc", "--print-roots").stdout
    output = build(builder, "echo kept > $out").stdout.strip()
    nix(builder, "nix-store", "--realise", output, "--add-root", "/tmp/own-root")

    roots = nix(builder, "nix-store", "--gc", "--print-roots").stdout
    assert "own-root" in roots
    assert "root-of-host" not in roots
    assert "own-root" not in host.run("nix-store", "--gc", "--print-roots").stdout
    nix(builder, "nix-store", "--gc")
    assert builder.run("cat", output).stdout == "kept\n"
    host.run("rm", "/var/tmp/root-of-host")


def test_a_neighbours_results_are_its_own(research: Sandbox, neighbour: Sandbox) -> None:
    output = build(research, "echo of research > $out").stdout.strip()

    assert research.run("ls", output).returncode == 0
    assert neighbour.run("ls", output, check=False).returncode
    valid = ("nix-store", "--check-validity", output)
    assert nix(research, *valid, check=False).returncode == 0
    assert nix(neighbour, *valid, check=False).returncode
    nix(neighbour, "nix-store", "--delete", output, check=False)
    assert research.run("cat", output).stdout == "of research\n"


# -- trust ---------------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
def test_nobody_inside_is_trusted(builder: Sandbox, user: str) -> None:
    info = ("nix", "--extra-experimental-features", "nix-command", "store", "info")
    said = nix(builder, *info, user=user)
    assert "Trusted: 0" in said.stdout + said.stderr


def test_settings_of_clients_are_ignored(builder: Sandbox) -> None:
    builder.sh("printf '#!/bin/sh\\ntouch /tmp/hook-ran\\n' >/tmp/hook; chmod 755 /tmp/hook")
    options = {
        "sandbox": "false",
        "post-build-hook": "/tmp/hook",
        "pre-build-hook": "/tmp/hook",
        "build-hook": "/tmp/hook",
        "builders": "ssh://builder.example.net",
        "sandbox-paths": "/etc=/host-etc",
        "build-users-group": "",
        "trusted-public-keys": "mine:AAAA",
    }
    words = [word for name, value in options.items() for word in ("--option", name, value)]
    script = "if [ -e /host-etc ] || [ -e /usr ]; then echo outside; else echo inside; fi > $out"
    done = build(builder, script, *words, "--option", "substituters", "http://mine.example.net")

    for name in ("sandbox", "post-build-hook", "builders", "sandbox-paths"):
        assert f"ignoring the client-specified setting '{name}'" in done.stderr
    assert "ignoring untrusted substituter 'http://mine.example.net'" in done.stderr
    assert builder.run("cat", done.stdout.strip()).stdout == "inside\n"
    assert builder.run("ls", "/tmp/hook-ran", check=False).returncode


def test_the_hook_runs_where_the_client_is_trusted(host: TestHost) -> None:
    # The control: the host's root is trusted by the host's daemon.
    host.sh("printf '#!/bin/sh\\ntouch /tmp/hook-ran\\n' >/tmp/hook; chmod 755 /tmp/hook")
    words = ("--option", "post-build-hook", "/tmp/hook", "--no-out-link", "-")
    on_host(host, "nix-build", *words, input=expression("echo hooked > $out"))
    host.run("rm", "/tmp/hook-ran", "/tmp/hook")


@pytest.mark.parametrize("user", USERS)
def test_unsigned_paths_are_refused(host: TestHost, forage: Activated, user: str) -> None:
    words = ("nix-build", "--no-out-link", "-")
    output = on_host(host, *words, input=expression("echo unsigned > $out")).stdout.strip()
    exported = host.sh('nix-store --export "$1" | base64', output).stdout
    on_host(host, "nix-store", "--delete", output)
    builder = forage.fresh("builder")
    importing = ("sh", "-c", "base64 -d | nix-store --import")
    done = nix(builder, *importing, user=user, check=False, input=exported)

    assert "lacks a signature by a trusted key" in done.stderr
    assert builder.run("ls", output, check=False).returncode
    # The control: the host's daemon trusts the host's root.
    assert on_host(host, *importing, input=exported).stdout.strip() == output
    on_host(host, "nix-store", "--delete", output)


# -- the network ---------------------------------------------------------------------------


def test_it_downloads_what_the_sandbox_may_reach(
    builder: Sandbox, host: TestHost, internet: Internet
) -> None:
    page = "198.18.1.10:80"
    output = nix(builder, *fetch("http://allowed.example.net/", page)).stdout.strip()
    assert builder.run("cat", output).stdout == page

    seen = len(internet.requests("198.18.1.15"))
    for url in ("http://other.example.net/", "http://198.18.1.15/"):
        refused = nix(builder, *fetch(url, "198.18.1.15:80"), check=False)
        assert refused.returncode
        assert "unable to download" in refused.stderr
    assert len(internet.requests("198.18.1.15")) == seen
    # The control: the host's daemon goes round the fence.
    on_host(host, *fetch("http://other.example.net/", "198.18.1.15:80"))
    assert len(internet.requests("198.18.1.15")) > seen


def test_without_a_network_it_downloads_nothing(sealed: Sandbox, internet: Internet) -> None:
    seen = len(internet.requests("198.18.1.10"))
    for url in ("http://allowed.example.net/", "http://198.18.1.10/"):
        refused = nix(sealed, *fetch(url, "198.18.1.10:80"), check=False)
        assert "unable to download" in refused.stderr
    assert len(internet.requests("198.18.1.10")) == seen
    assert build(sealed, "echo offline > $out").returncode == 0


# -- limits --------------------------------------------------------------------------------


def test_a_builder_is_killed_at_the_sandboxes_limit(
    forage: Activated, builder: Sandbox, sealed: Sandbox
) -> None:
    done = build(builder, "x=xxxxxxxx; while :; do x=$x$x; done", check=False)
    assert done.returncode
    assert forage.active("builder")
    assert build(builder, "echo again > $out").returncode == 0
    assert sealed.run("echo", "well").stdout == "well\n"


def test_the_layer_is_as_large_as_the_limit_and_counts_as_memory(
    forage: Activated, host: TestHost, builder: Sandbox
) -> None:
    def memory() -> int:
        return int(forage.property("builder", "MemoryCurrent"))

    size = host.run("df", "--output=size", "--block-size=1M", "/run/forage/nix/builder").stdout
    assert size.split()[1] == "64"
    block = "x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do x=$x$x; done"
    done = build(builder, f"{block}; while echo $x; do :; done > $out; exit 1", check=False)
    assert "No space left on device" in done.stderr
    nix(builder, "nix-store", "--gc")
    before = memory()
    forty = "for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3; do for k in 0 1 2 3; do"
    build(builder, f"{block}; {forty} echo $x$x$x$x; done; done; done > $out")
    assert memory() - before > 30 << 20
    nix(builder, "nix-store", "--gc")
    assert build(builder, "echo room > $out").returncode == 0


def test_builders_end_with_the_sandbox(forage: Activated, builder: Sandbox) -> None:
    bomb = "trap '' TERM HUP INT; exec 2>&-; f() { while :; do f & done; }; f builder-bomb"
    builder.run(
        *("systemd-run", "--quiet", "--uid=agent", "--setenv=NIX_REMOTE=daemon"),
        *("--setenv=HOME=/tmp", "--", "nix-build", "--no-out-link", "--expr"),
        f"({expression(bomb)}) {{ }}",
    )

    def tasks() -> int:
        return int(forage.property("builder", "TasksCurrent"))

    forage.host.wait_for(lambda: tasks() >= 190, "the bomb is at the limit")
    assert tasks() <= 200
    assert forage.host.run("pgrep", "--full", "builder-bomb").stdout
    assert forage.running("sealed").run("echo", "well").stdout == "well\n"
    forage.host.run("systemctl", "stop", forage.sandbox("builder").unit, timeout=150)
    assert forage.host.run("pgrep", "--full", "builder-bomb", check=False).stdout == ""
    layer = forage.sandbox("builder").nix_layer
    forage.host.wait_for(lambda: is_no_mount(forage.host, layer), "the layer is gone")


# -- coming and going ----------------------------------------------------------------------


def test_a_restart_gives_a_fresh_layer(forage: Activated, builder: Sandbox) -> None:
    output = build(builder, "echo short-lived > $out").stdout.strip()
    forage.host.run("systemctl", "start", "forage-reset@builder.service")
    builder = forage.running("builder")

    assert builder.run("ls", output, check=False).returncode
    assert build(builder, "echo short-lived > $out").stdout.strip() == output


@pytest.mark.parametrize("what", ["/nix/var/nix/db", "/var/lib/forage/nowhere"])
def test_without_its_store_it_does_not_start(forage: Activated, what: str) -> None:
    forage.stop("builder")
    unit = "forage-nix@builder.service"
    if PurePosixPath(what).name == "db":
        forage.host.run("mv", what, f"{what}.away")
        reason = "this host has no Nix database"
    else:
        text = (forage.host.root / "srv/forage/tree/sandboxes/builder.conf").read_text()
        forage.edit("sandboxes/builder.conf", text.replace("disk_max=67108864", "disk_max=8192"))
        reason = "has to fit into diskMax"
    started = forage.start("builder")
    if PurePosixPath(what).name == "db":
        forage.host.run("mv", f"{what}.away", what)

    assert started.returncode
    assert not forage.active("builder")
    assert reason in forage.status(unit)
    assert is_no_mount(forage.host, forage.sandbox("builder").nix_layer)
    forage.mend()
    assert forage.running("builder").state() == "running"
