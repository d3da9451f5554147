"""Real clients behind the API proxy: the SDKs of two APIs, and two agents."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.host import clients
from tests.host.api_models import TEXT
from tests.host.api_server import PAUSE, PIECES
from tests.host.apis import MESSAGES, OPENAI
from tests.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.activate import Activated
    from tests.host.apis import Apis, Asked
    from tests.testhost.host import Completed, Sandbox

GATEWAY = "http://10.100.0.1"
CLAUDE = "/opt/forage/bin/claude"
OPENCODE = f"{clients.INSIDE}/opencode"

# What looks for them does not find itself.
KEYS = "key-of-(anthropi|opena)[ci]"

pytestmark = pytest.mark.usefixtures("apis")


@pytest.fixture(scope="module")
def installed(activated: Activated) -> Iterator[None]:
    require("npm")
    clients.install(activated.host)
    yield
    activated.host.run("systemctl", "stop", "systemd-nspawn@client")


@pytest.fixture
def client(forage: Activated, apis: Apis, installed: None) -> Sandbox:
    """A sandbox without a network that has the clients."""
    del apis, installed
    return forage.running("client")


def shell(sandbox: Sandbox, script: str, *arguments: str) -> Completed:
    """Run a script in the agent's workspace, as it would in a login shell."""
    argv = ("bash", "--login", "-euo", "pipefail", "-c", script, "bash", *arguments)
    settings = ("WorkingDirectory=/workspace",)
    return sandbox.run(*argv, user="agent", properties=settings, check=False)


def claude(sandbox: Sandbox, *arguments: str) -> Completed:
    return shell(sandbox, f'exec {CLAUDE} "$@" </dev/null', *arguments)


def opencode(sandbox: Sandbox, *arguments: str) -> Completed:
    return shell(sandbox, f'exec {OPENCODE} run --title test "$@" </dev/null', *arguments)


# What an SDK's module, client and calls are named. `ask` returns a text and how often the SDK
# asked again.
_ANTHROPIC = """
    import anthropic as sdk
    client = sdk.Anthropic()
    def ask(do):
        raw = client.messages.with_raw_response.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hello"}],
            extra_headers={"x-do": do})
        return raw.parse().content[0].text, raw.retries_taken
    def stream():
        with client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hello"}]
        ) as events:
            yield from events.text_stream
    def forbidden():
        client.beta.files.list()
"""

_OPENAI = """
    import openai as sdk
    client = sdk.OpenAI()
    def ask(do):
        raw = client.responses.with_raw_response.create(
            model="m", input="hello", extra_headers={"x-do": do})
        return raw.parse().output_text, raw.retries_taken
    def stream():
        for event in client.responses.create(model="m", input="hello", stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta
    def forbidden():
        client.files.list()
"""

_OPENAI_CHAT = """
    import openai as sdk
    client = sdk.OpenAI()
    messages = [{"role": "user", "content": "hello"}]
    def ask(do):
        raw = client.chat.completions.with_raw_response.create(
            model="m", messages=messages, extra_headers={"x-do": do})
        return raw.parse().choices[0].message.content, raw.retries_taken
    def stream():
        for chunk in client.chat.completions.create(model="m", messages=messages, stream=True):
            if chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content
    def forbidden():
        client.models.list()
"""

# Each with all that it is asked to do, as what takes time is to load it. At the end it has four
# questions open, which is all that this sandbox may, and which take four seconds.
_TRIAL = """
    import threading, time
    def timed(do=""):
        begun = time.monotonic()
        return (*ask(do), time.monotonic() - begun)
    def watched():
        for piece in stream():
            yield piece, time.monotonic()
    def refused():
        try:
            forbidden()
        except sdk.PermissionDeniedError as error:
            return str(error)
    def crowded():
        held = [threading.Thread(target=ask, args=("stall",)) for _ in range(4)]
        for each in held:
            each.start()
        time.sleep(1)
        found = timed()
        for each in held:
            each.join()
        return found
    list(stream())  # what it loads for its first stream takes longer than that one
    print({
        "plain": timed(), "stream": list(watched()), "refused": refused(),
        "429": timed("429-first"), "529": timed("529-first"), "crowded": crowded(),
    })
"""


@dataclass(frozen=True)
class Sdk:
    """An SDK, and what is to arrive of it."""

    calls: str
    address: str
    path: str
    header: str
    key: str


SDKS = {
    "anthropic": Sdk(_ANTHROPIC, MESSAGES, "/v1/messages", "x-api-key", "key-of-anthropic"),
    "openai": Sdk(_OPENAI, OPENAI, "/v1/responses", "authorization", "Bearer key-of-openai"),
    "openai-chat": Sdk(
        *(_OPENAI_CHAT, OPENAI, "/v1/chat/completions"),
        *("authorization", "Bearer key-of-openai"),
    ),
}


@pytest.mark.parametrize("name", SDKS)
def test_an_sdk_asks_streams_and_waits_as_it_is_told(
    client: Sandbox, apis: Apis, name: str
) -> None:
    sdk = SDKS[name]
    start = f"""
        # What the wrapper sets for the agent it sets for whoever is in the agent's place.
        source <(grep '^export ANTHROPIC_' {CLAUDE})
        PYTHONPATH={clients.INSIDE}/sdks exec python3 -c "$1"
    """
    done = shell(client, start, textwrap.dedent(sdk.calls) + textwrap.dedent(_TRIAL))
    assert done.returncode == 0, done.stderr
    found = ast.literal_eval(done.stdout)

    assert found["plain"][:2] == (TEXT, 0)
    assert "".join(piece for piece, _ in found["stream"]) == TEXT
    times = [when for _, when in found["stream"]]
    assert len(times) == PIECES
    assert times[-1] - times[0] > PAUSE * (PIECES - 1) / 2  # not all at the end
    assert "this method and path are not allowed" in found["refused"]
    for status in ("429", "529"):
        text, again, took = found[status]
        assert (text, again) == (TEXT, 1)
        assert took >= 1  # the API's Retry-After: by itself it waits for half of that
    text, again, took = found["crowded"]
    # The proxy's Retry-After is two seconds. By itself it would have given up before that.
    assert (text, again) == (TEXT, 2)
    assert took >= 4

    arrived = asked_of(apis, sdk.address)
    # Twice each where it asked again. Of what the proxy refused, nothing.
    assert len(arrived) == 1 + 1 + 1 + 2 + 2 + 5
    for asked in arrived:
        assert (asked.method, asked.path) == ("POST", sdk.path)
        assert asked.header(sdk.header) == [sdk.key]


def asked_of(apis: Apis, address: str) -> list[Asked]:
    """Take what has arrived, all of it at one API."""
    everything = apis.new()
    assert {asked.address for asked in everything} == {address}
    return everything


def test_claude_code_answers(client: Sandbox, apis: Apis) -> None:
    done = claude(client, "-p", "hello")

    assert (done.stdout.strip(), done.returncode) == (TEXT, 0), done
    asked = asked_of(apis, MESSAGES)
    assert {each.path for each in asked} <= {"/v1/messages", "/v1/messages?beta=true"}
    for each in asked:
        assert each.header("x-api-key") == ["key-of-anthropic"]
        assert each.header("authorization") == []


def test_claude_code_carries_out_what_it_may(client: Sandbox, apis: Apis) -> None:
    done = claude(client, "-p", "RUN: git init told-by-claude")
    assert (done.returncode, "initialized" in done.stdout.lower()) == (0, True), done

    assert shell(client, "test -d told-by-claude/.git").returncode == 0
    assert len(asked_of(apis, MESSAGES)) >= 2
    # The control of its permissions, which are the template's.
    refused = claude(client, "-p", "RUN: git clone told-by-claude not-told")
    assert "it answered" in refused.stdout
    assert shell(client, "test ! -e not-told").returncode == 0


def test_opencode_answers_and_carries_out_what_it_may(client: Sandbox, apis: Apis) -> None:
    done = opencode(client, "RUN: echo carried-out >told-by-opencode")

    assert (done.returncode, "it answered" in done.stdout) == (0, True), done
    assert shell(client, "cat told-by-opencode").stdout == "carried-out\n"
    asked = asked_of(apis, OPENAI)
    assert len(asked) >= 2
    for each in asked:
        assert each.path == "/v1/responses"
        assert each.header("authorization") == ["Bearer key-of-openai"]


def test_the_keys_are_nowhere_inside_while_an_agent_asks(
    forage: Activated, client: Sandbox, apis: Apis
) -> None:
    client.run(
        *("systemd-run", "--quiet", "--collect", "--unit=asking", "--uid=agent"),
        # It is answered in pieces, for twelve seconds.
        *("--setenv=ANTHROPIC_CUSTOM_HEADERS=x-do: slow", CLAUDE, "-p", "hello"),
        user="root",
    )
    forage.host.wait_for(apis.new, "the agent has asked", timeout=40)
    # Who the processes belong to can read them: root inside may not trace others'.
    looks = f"""
        grep -aqz '^ANTHROPIC_AUTH_TOKEN=the-key-is-on-the-host' /proc/[0-9]*/environ  # the control
        ! grep -alzE '{KEYS}' /proc/[0-9]*/environ /proc/[0-9]*/cmdline || exit 1
    """
    client.sh(looks, user="agent")
    client.run("systemctl", "stop", "asking", user="root", check=False)
    searches = f"""
        grep -rq the-key-is-on-the-host /opt/forage/bin  # the control
        ! grep -rlIE --exclude-dir=proc --exclude-dir=sys '{KEYS}' / 2>/dev/null || exit 1
    """
    client.sh(searches, user="root")
