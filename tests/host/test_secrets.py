"""A key reaches the agent's process and no other place."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.host.activate import TREE
from tests.host.probes import files_with, processes_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.testhost.host import Completed, Sandbox

WRAPPER = "/opt/forage/bin/probe"
KEY = "key-of-probe"
# Matches the key and not itself: the commands of these tests are in the journal, too.
PATTERN = "key-of-prob[e]"
SOURCE = "/etc/keys/probe"
SAY_KEY = "import os; print(os.environ['PROBE_KEY'])"


@pytest.fixture
def key_file(forage: Activated) -> Iterator[Activated]:
    """The project, whose key is put back after the test."""
    yield forage
    forage.host.write(SOURCE, f"{KEY}\n", mode=0o600)
    forage.stop("coder")


def run_agent(sandbox: Sandbox, *, check: bool = True) -> Completed:
    """Start the agent as its user, and let it say the key that it got."""
    return sandbox.run(WRAPPER, "-c", SAY_KEY, user="agent", check=check)


def test_the_agent_gets_its_key(coder: Sandbox) -> None:
    assert run_agent(coder).stdout == f"{KEY}\n"


def test_the_agent_gets_its_key_with_shared_user_ids(shared: Sandbox) -> None:
    say = "import os; print(os.environ['OTHER_KEY'])"
    assert shared.run(WRAPPER, "-c", say, user="agent").stdout == "key-of-other\n"


def test_the_wrapper_is_found_by_its_name_in_a_login_shell(coder: Sandbox) -> None:
    done = coder.run("bash", "--login", "-c", "type -P probe", user="agent")
    assert done.stdout == f"{WRAPPER}\n"


def test_the_wrapper_passes_its_arguments_on(coder: Sandbox) -> None:
    show = "import os, sys; print([os.fsencode(word) for word in sys.argv[1:]])"
    words = r"""'a b' '$HOME' '*' '' $'two\nlines\n' $'\xff\xfe' -- -x '"' \\ $'\t' ''"""
    done = coder.run("bash", "-c", f'{WRAPPER} -c "$1" {words}', "bash", show, user="agent")
    assert ast.literal_eval(done.stdout) == [
        *(b"a b", b"$HOME", b"*", b"", b"two\nlines\n", b"\xff\xfe"),
        *(b"--", b"-x", b'"', b"\\", b"\t", b""),
    ]


def test_no_other_process_has_it_in_its_environment(coder: Sandbox) -> None:
    found, agent = processes_with(coder, PATTERN, WRAPPER)
    assert found == [agent]


def test_an_agent_that_can_asks_a_command_for_its_key(forage: Activated) -> None:
    listed = forage.running("listed")
    # As Claude Code does, which gives the setting to a shell.
    ask = """
import json, subprocess
settings = json.load(open("/etc/claude-code/managed-settings.json"))
print(subprocess.check_output(["/bin/sh", "-c", settings["apiKeyHelper"]], text=True), end="")
"""
    assert listed.run("python3", "-c", ask, user="agent").stdout == f"{KEY}\n"
    done = listed.run("/opt/forage/key-helpers/claude", user="nobody", check=False)
    assert (done.returncode, done.stdout) == (78, "")
    assert "not readable by nobody" in done.stderr


def test_a_shell_of_the_agent_does_not_have_it(coder: Sandbox) -> None:
    assert KEY not in coder.run("bash", "--login", "-c", "env", user="agent").stdout


def test_no_command_line_has_it(coder: Sandbox) -> None:
    script = f"""
        {WRAPPER} -c 'import time; time.sleep(30)' marker-of-test & agent=$!
        sleep 0.5
        ps axww; echo and with environments; ps axeww
        kill $agent
    """
    plain, _, more = coder.sh(script, user="agent").stdout.partition("and with environments")
    assert "marker-of-test" in plain
    assert KEY not in plain
    assert KEY in more  # the control: of its own processes, its user sees the environment


def test_the_history_of_a_shell_does_not_have_it(coder: Sandbox) -> None:
    typed = f"""HISTFILE=~/history
set -o history
{WRAPPER} -c 'import os; print(len(os.environ["PROBE_KEY"]))'
history -a
"""
    done = coder.run("bash", "-i", user="agent", input=typed)
    assert done.stdout == f"{len(KEY)}\n"
    history = coder.sh("cat ~/history; rm ~/history", user="agent").stdout
    assert WRAPPER in history  # the control
    assert KEY not in history


@pytest.mark.parametrize("how", ["SHELLOPTS=xtrace", "SHELLOPTS=verbose"])
def test_a_callers_trace_does_not_show_it(coder: Sandbox, how: str) -> None:
    done = coder.run("env", how, WRAPPER, "-c", "print('ran')", user="agent")
    assert done.stdout == "ran\n"
    assert "program=" in done.stderr  # the control: something is shown
    assert KEY not in done.stderr


# An agent crashes where it may write, with as high a limit as it can give itself.
CRASH = """
    ulimit -S -c "$(ulimit -H -c)"
    cd "$(mktemp -d)"
    /opt/forage/bin/probe -c 'import os; os.abort()' && exit 1
    grep -las "$1" core* || true
"""


def crash(sandbox: Sandbox) -> Completed:
    """Let the agent crash, and list the core dumps that have its key."""
    return sandbox.run("bash", "-c", CRASH, "bash", PATTERN, user="agent")


def test_a_crash_leaves_no_core_dump(forage: Activated, coder: Sandbox) -> None:
    assert crash(coder).stdout == ""
    assert coder.run("bash", "-c", "ulimit -c unlimited", check=False).returncode  # as root
    settings = "nspawn/coder.nspawn"
    text = forage.host.run("cat", f"{TREE}/{settings}").stdout
    forage.edit(settings, text.replace("LimitCORE=1\n", ""))
    assert crash(forage.fresh("coder")).stdout.startswith("core")  # the control
    forage.mend()
    forage.fresh("coder")


def test_only_the_agents_user_can_read_the_file(forage: Activated, coder: Sandbox) -> None:
    assert coder.run("cat", "/run/secrets/probe", user="agent").stdout == f"{KEY}\n"
    assert coder.run("cat", "/run/secrets/probe", user="nobody", check=False).returncode
    assert coder.sh("echo x >/run/secrets/probe", user="agent", check=False).returncode
    as_alice = ("runuser", "-u", "alice", "--", "cat", "/run/forage/secrets/coder/probe")
    assert forage.host.run(*as_alice, check=False).returncode


def test_the_host_shows_it_nowhere(forage: Activated, coder: Sandbox) -> None:
    run_agent(coder)
    unit = forage.sandbox(coder.name).unit
    for command in (
        ("ps", "axeww"),
        ("systemctl", "show", unit),
        ("systemctl", "cat", unit),
        ("systemctl", "status", "--no-pager", "--full", unit),
        ("machinectl", "show", coder.name),
        ("journalctl", "--boot", "--no-pager", "--output=export"),
    ):
        assert KEY not in forage.host.run(*command).stdout
    found = forage.host.run("grep", "-rls", KEY, "/etc/forage/tree/", "/etc/systemd", check=False)
    assert found.stdout == ""


def test_no_file_of_the_host_has_it_but_where_it_belongs(forage: Activated) -> None:
    forage.stop_all()
    coder = forage.running("coder")
    run_agent(coder)
    crash(coder)
    forage.host.run("journalctl", "--sync")
    read = "/run/credentials/systemd-nspawn@coder.service/probe"
    own = "/run/forage/secrets/coder/probe"
    assert files_with(forage.host, PATTERN) == [SOURCE, read, own]
    forage.stop("coder")
    assert files_with(forage.host, PATTERN) == [SOURCE]


def test_a_key_that_systemd_decrypts_is_on_no_disk(forage: Activated) -> None:
    forage.stop_all()
    shared = forage.running("shared")
    encrypted, key = "/etc/credstore.encrypted/other", "key-of-othe[r]"
    assert "key-of-other" not in forage.host.run("cat", encrypted).stdout
    say = "import os; print(os.environ['OTHER_KEY'])"
    assert shared.run(WRAPPER, "-c", say, user="agent").stdout == "key-of-other\n"
    read = "/run/credentials/systemd-nspawn@shared.service/other"
    assert files_with(forage.host, key) == [read, "/run/forage/secrets/shared/other"]
    forage.stop("shared")
    assert files_with(forage.host, key) == []


def test_a_key_that_was_encrypted_as_another_is_none(forage: Activated) -> None:
    forage.stop("shared")
    source = "/etc/credstore.encrypted/other"
    saved = forage.host.run("cat", source).stdout
    forage.host.run("systemd-creds", "encrypt", "--name=another", "-", source, input="x")
    assert forage.start("shared").returncode
    said = forage.host.journal(forage.sandbox("shared").unit)
    forage.host.write(source, saved, mode=0o600)
    assert "Embedded credential name 'another' does not match" in said


def test_the_sandboxes_journal_does_not_have_it(coder: Sandbox) -> None:
    run_agent(coder)
    journal = coder.run("journalctl", "--boot", "--no-pager", "--output=export").stdout
    assert journal
    assert KEY not in journal


def test_no_file_system_has_it_but_where_it_belongs(coder: Sandbox) -> None:
    run_agent(coder)
    # Not the kernel's, which test_no_other_process_has_it_in_its_environment looks through.
    look = (
        "find / -regex '/\\(proc\\|sys\\|dev\\|usr\\)' -prune -o -type f -print0 |"
        f" xargs -0 grep -las {PATTERN} || true"
    )
    for user in ("root", "agent"):
        assert coder.sh(look, user=user).stdout == "/run/secrets/probe\n"


def test_another_sandbox_does_not_have_it(neighbour: Sandbox, shared: Sandbox) -> None:
    assert neighbour.run("ls", "/run/secrets", check=False).returncode
    assert shared.run("ls", "/run/secrets").stdout == "other\n"


def test_a_changed_key_arrives_with_the_next_start(key_file: Activated) -> None:
    key_file.running("coder")
    key_file.host.write(SOURCE, "another\n", mode=0o600)
    assert run_agent(key_file.fresh("coder")).stdout == "another\n"


def test_a_key_file_needs_no_newline_at_its_end(key_file: Activated) -> None:
    key_file.host.write(SOURCE, "without", mode=0o600)
    assert run_agent(key_file.fresh("coder")).stdout == "without\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("one\ntwo\n", "has more than one line"),
        ("one\n\n", "has more than one line"),
        ("one\r\n", "has a carriage return in it"),
        ("one\0two", "has a zero byte in it"),
    ],
)
def test_what_is_no_key_does_not_start_the_agent(
    key_file: Activated, content: str, reason: str
) -> None:
    key_file.host.write(SOURCE, content, mode=0o600)
    done = run_agent(key_file.fresh("coder"), check=False)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"probe: the secret /run/secrets/probe {reason}\n"


def test_a_secret_that_cannot_be_read_does_not_start_the_agent(
    forage: Activated, coder: Sandbox
) -> None:
    done = coder.run(WRAPPER, "-c", SAY_KEY, user="nobody", check=False)
    assert (done.returncode, done.stdout) == (78, "")
    assert "/run/secrets/probe is missing, or not readable by nobody" in done.stderr
    forage.host.run("rm", "/run/forage/secrets/coder/probe")
    done = run_agent(coder, check=False)
    assert (done.returncode, done.stdout) == (78, "")
    assert "/run/secrets/probe is missing" in done.stderr
    forage.stop("coder")


def test_without_the_key_file_the_sandbox_does_not_start(key_file: Activated) -> None:
    key_file.stop("coder")
    key_file.host.run("rm", SOURCE)
    assert key_file.start("coder").returncode
    assert SOURCE in key_file.status(key_file.sandbox("coder").unit)
