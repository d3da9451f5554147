"""An SSH key that stays on the host: it logs in where it is for, and nowhere else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.host.activate import make_ssh_key
from tests.host.probes import files_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Completed, Sandbox
    from tests.testhost.internet import Internet

pytestmark = pytest.mark.usefixtures("servers")

SOURCE = "/run/agenix/deploy"
UNIT = "forage-ssh-agent@pusher.service"
DIRECTORY = "/run/forage-ssh-agent-pusher"
SOCKET = "/run/ssh-agent/socket"
HOST_KEY = Path(__file__).parents[1] / "testhost" / "ssh_host_key"
NAMED, OTHER = "198.18.1.21", "198.18.1.22"
# Takes whatever host key there is, as an agent would that wants to get in.
CARELESS = (
    *("ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"),
    *("-oLogLevel=ERROR", "-oConnectTimeout=5"),
)


@pytest.fixture(scope="module")
def servers(activated: Activated, internet: Internet) -> None:
    """Two hosts that take the key: one that it is for, with a repository, and another."""
    host = activated.host
    for user in ("git", "mirror"):
        host.run("useradd", "--create-home", "--password=*", "--shell=/bin/bash", user)
    bare = ("git", "init", "--quiet", "--bare", "--initial-branch=main", "/home/git/project.git")
    host.run("runuser", "-u", "git", "--", *bare)
    public = host.run("cat", f"{SOURCE}.pub").stdout
    make_ssh_key(host, "/run/internet/other_key")
    other = host.run("cat", "/run/internet/other_key").stdout
    internet.record("git.example.net", NAMED)
    internet.record("elsewhere.example.net", OTHER)
    internet.serve_ssh(NAMED, host_key=HOST_KEY.read_text(), authorized=public)
    internet.serve_ssh(OTHER, host_key=other, authorized=public)


@pytest.fixture
def pusher(forage: Activated, internet: Internet) -> Iterator[Sandbox]:
    """A sandbox whose agent may push to one host."""
    yield forage.running("pusher")
    internet.record("git.example.net", NAMED)


@pytest.fixture
def key_file(forage: Activated) -> Iterator[Activated]:
    """The project, whose key is put back after the test."""
    saved = {path: forage.host.run("cat", path).stdout for path in (SOURCE, f"{SOURCE}.pub")}
    forage.stop("pusher")
    yield forage
    forage.stop("pusher")
    for path, text in saved.items():
        forage.host.write(path, text, mode=0o600)


def log_in(sandbox: Sandbox, place: str, *options: str, user: str = "agent") -> Completed:
    """Try to log in somewhere with what the agent on the host has, and say who one is there."""
    argv = (*CARELESS, f"-oIdentityAgent={SOCKET}", *options, place, "id -un")
    return sandbox.run(*argv, user=user, check=False)


def with_the_file(forage: Activated, place: str) -> Completed:
    """Log in with the key itself: what anybody could do who has it."""
    return forage.host.run(*CARELESS, "-i", SOURCE, place, "id -un", check=False)


def test_a_push_arrives_at_the_named_host(forage: Activated, pusher: Sandbox) -> None:
    push = """
        cd "$(mktemp -d)"
        git clone --quiet git@git.example.net:project.git . 2>/dev/null
        echo content >file
        git add file
        git commit --quiet --message='By an agent'
        git push --quiet origin HEAD:main
    """
    pusher.sh(push, user="agent")
    log = ("git", "-C", "/home/git/project.git", "log", "--format=%an %s", "main")
    assert forage.host.run("runuser", "-u", "git", "--", *log).stdout == "Pusher By an agent\n"


def test_no_other_host_is_logged_in_to(forage: Activated, pusher: Sandbox) -> None:
    assert log_in(pusher, "git@git.example.net").stdout == "git\n"
    assert with_the_file(forage, f"git@{OTHER}").stdout == "git\n"  # the control: it takes the key
    done = log_in(pusher, "git@elsewhere.example.net")
    assert (done.returncode, done.stdout) == (255, "")
    assert "Permission denied" in done.stderr


def test_no_other_user_is_logged_in_as(forage: Activated, pusher: Sandbox) -> None:
    assert with_the_file(forage, f"mirror@{NAMED}").stdout == "mirror\n"
    done = log_in(pusher, "mirror@git.example.net")
    assert (done.returncode, done.stdout) == (255, "")


def test_nobody_poses_as_the_named_host(pusher: Sandbox, internet: Internet) -> None:
    internet.record("git.example.net", OTHER)
    done = pusher.run("ssh", "git@git.example.net", "id", user="agent", check=False)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr
    # Nor if the agent does not mind.
    assert "Permission denied" in log_in(pusher, "git@git.example.net").stderr


def test_it_is_of_no_use_on_the_host_that_was_logged_in_to(
    forage: Activated, pusher: Sandbox
) -> None:
    onward = " ".join((*CARELESS, f"git@{OTHER}", "id", "-un"))
    forward = (*CARELESS, "-A", "git@git.example.net", onward)
    done = pusher.run(*forward, user="agent", check=False)
    assert "Permission denied" in done.stderr
    # The control: an agent that has the same key without constraints is forwarded.
    free = f'ssh-add -q {SOURCE} && exec "$@"'
    argv = ("ssh-agent", "bash", "-c", free, "bash", *CARELESS, "-A", f"git@{NAMED}", onward)
    assert forage.host.run(*argv).stdout == "git\n"


def test_it_signs_nothing_but_log_ins(pusher: Sandbox) -> None:
    sign = f"""
        export SSH_AUTH_SOCK={SOCKET}
        ssh-add -L >/tmp/key.pub
        echo text | ssh-keygen -Y sign -n file -f /tmp/key.pub
    """
    done = pusher.sh(sign, user="agent", check=False)
    assert done.returncode
    assert "agent refused operation" in done.stderr
    # The control: it does with a key of its own, in the same agent.
    own = f"""
        export SSH_AUTH_SOCK={SOCKET}
        ssh-keygen -q -t ed25519 -N '' -f /tmp/own
        ssh-add -q /tmp/own
        rm /tmp/own
        echo text | ssh-keygen -Y sign -n file -f /tmp/own.pub 2>/dev/null
        ssh-add -q -d /tmp/own.pub
    """
    assert "BEGIN SSH SIGNATURE" in pusher.sh(own, user="agent").stdout


def test_the_key_is_nowhere_inside(forage: Activated, pusher: Sandbox) -> None:
    log_in(pusher, "git@git.example.net")
    lines = forage.host.run("cat", SOURCE).stdout.splitlines()[1:-1]
    blob = base64.b64decode("".join(lines))
    seed = blob[blob.rindex(b"\0\0\0\x40") + 4 :][:32]
    # grep looks at lines, and a key may have their ends in it.
    seed = max(seed.replace(b"\0", b"\n").split(b"\n"), key=len)
    # Without a line of it in any command line: those of this test are looked through, too.
    patterns = ("[" + lines[-2][0] + "]" + lines[-2][1:].replace("+", "[+]"), _escaped(seed))
    look = """
        export LC_ALL=C
        for pattern in "$@"; do
          find / -regex '/\\(proc\\|sys\\|dev\\|usr\\)' -prune -o -type f -print0 |
            xargs -0 grep -lsaP "$pattern"
          grep -lsaP "$pattern" /proc/[0-9]*/environ /proc/[0-9]*/cmdline
        done
        true
    """
    for user in ("root", "agent"):
        found = pusher.run("bash", "-c", look, "bash", *patterns, user=user)
        assert found.stdout == ""
    control = (
        'export LC_ALL=C; base64 -d <(sed "/-----/d" "$1") | grep -caP "$2"; grep -cP "$3" "$1"'
    )
    argv = ("bash", "-c", control, "bash", SOURCE, patterns[1], patterns[0])
    assert forage.host.run(*argv).stdout == "1\n1\n"
    forage.stop("shared")  # its agent has the same key
    assert files_with(forage.host, patterns[0]) == [SOURCE, f"/run/credentials/{UNIT}/deploy"]
    assert files_with(forage.host, patterns[1]) == []
    for command in (("ps", "axeww"), ("journalctl", "--boot", "--no-pager", "--output=export")):
        said = forage.host.run(*command).stdout
        assert not any(line in said for line in lines[1:])


def _escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def test_the_agent_is_told_where_it_is(pusher: Sandbox) -> None:
    say = "import os; print(os.environ['SSH_AUTH_SOCK'])"
    assert pusher.run("/opt/forage/bin/probe", "-c", say, user="agent").stdout == f"{SOCKET}\n"
    login = ("bash", "--login", "-c", 'echo "$SSH_AUTH_SOCK"')
    assert pusher.run(*login, user="agent").stdout == f"{SOCKET}\n"
    assert pusher.run("git", "config", "user.name", user="agent").stdout == "Pusher\n"


LIST = f"SSH_AUTH_SOCK={SOCKET} ssh-add -l"


def test_it_answers_the_agents_user_alone(pusher: Sandbox) -> None:
    assert "deploy (ED25519)" in pusher.sh(LIST, user="agent").stdout
    # Root inside can open the socket; the agent on the host looks who that is.
    assert "error fetching identities" in pusher.sh(LIST, user="root", check=False).stderr
    assert "Error connecting" in pusher.sh(LIST, user="nobody", check=False).stderr


@pytest.mark.usefixtures("pusher")
def test_another_sandbox_does_not_reach_it(forage: Activated, neighbour: Sandbox) -> None:
    assert neighbour.run("ls", "/run/ssh-agent", check=False).returncode
    host, own = forage.host, forage.sandbox("pusher").uid_base + 1000
    ask = f"SSH_AUTH_SOCK={DIRECTORY}/socket ssh-add -l"

    def as_user(uid: int) -> Completed:
        become = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--")
        return host.run(*become, "bash", "-c", ask, check=False)

    foreign = forage.sandbox("neighbour").uid_base + 1000
    assert "deploy" in as_user(own).stdout  # the control
    assert "Permission denied" in as_user(foreign).stderr
    host.run("chmod", "0777", DIRECTORY, f"{DIRECTORY}/socket")
    refused = as_user(foreign)
    host.run("chmod", "0700", DIRECTORY)
    host.run("chmod", "0600", f"{DIRECTORY}/socket")
    assert refused.returncode
    assert refused.stdout == ""


ADD_LIBRARY = f"""
    # It asks for a PIN, which it gets from here.
    printf '#!/bin/sh\\necho 1\\n' >/tmp/pin && chmod +x /tmp/pin
    export SSH_AUTH_SOCK={SOCKET} SSH_ASKPASS=/tmp/pin SSH_ASKPASS_REQUIRE=force
    ssh-add -s /usr/lib/x86_64-linux-gnu/libc.so.6
"""
# What an agent starts to load a library. Another one in its place says that it was started.
HELPER = "/usr/local/bin/forage-test-helper"


def test_it_loads_no_library_of_the_host(forage: Activated, pusher: Sandbox) -> None:
    host, script = forage.host, "libexec/forage-ssh-agent"
    host.write(HELPER, "#!/bin/sh\nlogger --tag=helper-of-test started\n", mode=0o755)
    text = host.run("cat", f"/etc/forage/tree/{script}").stdout
    text = text.replace(" ssh-agent -a", f" env SSH_PKCS11_HELPER={HELPER} ssh-agent -a")

    def loads(text: str) -> bool:
        forage.edit(script, text)
        forage.fresh(pusher.name).sh(ADD_LIBRARY, user="agent", check=False)
        host.run("journalctl", "--sync")
        # Not by unit: of a process that has ended already, nobody knows that.
        said = ("journalctl", "--boot", "--quiet", "--output=cat", "--identifier=helper-of-test")
        return host.run(*said, check=False).stdout != ""

    assert not loads(text)
    assert loads(text.replace(' -P ""', ""))  # the control
    forage.mend()
    forage.stop("pusher")


@pytest.mark.usefixtures("pusher")
def test_it_is_held_tightly(forage: Activated) -> None:
    show = ("systemctl", "show", "--property=MainPID", "--value", UNIT)
    pid = forage.host.run(*show).stdout.strip()
    status = forage.host.run("cat", f"/proc/{pid}/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    agent = forage.sandbox("pusher").uid_base + 1000
    assert fields["Uid"].split() == [str(agent)] * 4
    assert fields["CapEff"] == fields["CapPrm"] == fields["CapInh"] == "0" * 16
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    links = forage.host.sh(f"nsenter --net=/proc/{pid}/ns/net ip -brief link").stdout
    assert links.split()[:1] == ["lo"]
    assert len(links.splitlines()) == 1


def test_with_shared_user_ids(shared: Sandbox) -> None:
    assert shared.run("ssh", "git@git.example.net", "id -un", user="agent").stdout == "git\n"


def test_it_ends_with_its_sandbox(forage: Activated) -> None:
    host = forage.host
    forage.stop_all()
    forage.running("pusher")
    assert host.run("pgrep", "--exact", "ssh-agent").stdout
    forage.stop("pusher")
    # systemd stops what nobody needs any more just after the sandbox.
    state = ("systemctl", "is-active", UNIT)
    host.wait_for(lambda: host.run(*state, check=False).stdout == "inactive\n", "it is stopped")
    assert host.run("pgrep", "--exact", "ssh-agent", check=False).stdout == ""
    assert host.run("ls", "--directory", DIRECTORY, check=False).returncode


def test_a_changed_key_arrives_with_the_next_start(key_file: Activated) -> None:
    """Also one that a secret manager wrote: behind a link, without its last line break."""
    host = key_file.host
    decrypt = """
        mkdir -p /run/agenix.d/2
        ssh-keygen -q -t ecdsa -N '' -C another -f /run/agenix.d/key
        age-keygen -o /run/agenix.d/identity 2>/dev/null
        head -c -1 /run/agenix.d/key |
          age --encrypt --recipient "$(age-keygen -y /run/agenix.d/identity)" >/run/agenix.d/key.age
        (umask 0277; age --decrypt --identity /run/agenix.d/identity /run/agenix.d/key.age \
          >/run/agenix.d/2/deploy)
        rm -r /run/agenix
        ln -s /run/agenix.d/2 /run/agenix
    """
    host.sh(decrypt)
    assert "(ECDSA)" in key_file.running("pusher").sh(LIST, user="agent").stdout
    host.sh("rm -r /run/agenix /run/agenix.d; mkdir /run/agenix")


def test_a_host_that_is_down_keeps_nobody_from_starting(forage: Activated) -> None:
    """Host keys are pinned: nobody is asked for them."""
    forage.host.run("systemctl", "stop", f"internet-ssh-{NAMED}.service", check=False)
    forage.fresh("pusher")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (f"rm {SOURCE}", SOURCE),
        (f": >{SOURCE}", "the secret deploy, is empty"),
        (f"ssh-keygen -q -p -N a-passphrase -f {SOURCE}", "has a passphrase"),
        (f"cp {SOURCE}.pub {SOURCE}", "it is no private key of OpenSSH"),
    ],
    ids=["missing", "empty", "passphrase", "public"],
)
def test_without_a_key_the_sandbox_does_not_start(
    key_file: Activated, make: str, reason: str
) -> None:
    key_file.host.sh(make)
    key_file.refuses("pusher", reason)
    assert key_file.host.run("ls", "--directory", DIRECTORY, check=False).returncode
