"""What the log of requests says of models and tokens: what answers state, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import textwrap
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.host.apis import ASKING, without_usage_module
from tests.host.test_api import MESSAGES_URL, ask, audit, python

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.host.activate import Activated
    from tests.host.apis import Apis
    from tests.testhost.host import Sandbox

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
KEYS = ("model", "inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
NOTHING = ("", None, None, None, None)

Said = tuple[str, int | None, int | None, int | None, int | None]


@dataclass(frozen=True)
class Answer:
    """What the API is to answer: its body in pieces, of which each is sent by itself."""

    pieces: list[str]
    type: str = JSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    times: int = 1
    last: list[str] = field(default_factory=list)
    reset: bool = False

    @property
    def body(self) -> bytes:
        """All of it."""
        return ("".join(self.pieces) * self.times + "".join(self.last)).encode("latin-1")


def text(*objects: object) -> str:
    """Objects as an answer has them, one in plain JSON and several as events."""
    parts = [json.dumps(each) for each in objects]
    return parts[0] if len(parts) == 1 else "".join(f"data: {part}\n\n" for part in parts)


def cut(whole: str, size: int) -> list[str]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


# Asks for each answer in turn, on one connection. Prints of each the status, the digest of its
# body, and when parts of it were there.
_CLIENT = """
    import hashlib, http.client, json, sys, time
    connection = http.client.HTTPConnection("10.100.0.1", timeout=60)
    found = []
    for wanted in json.load(sys.stdin):
        begun, whole, times = time.monotonic(), hashlib.sha256(), []
        headers = {"x-do": "say", "accept-encoding": "gzip, br"}
        connection.request("POST", "/agents/claude/v1/messages", json.dumps(wanted), headers)
        answer = connection.getresponse()
        try:
            while part := answer.read1(65536):
                whole.update(part)
                times.append(time.monotonic() - begun)
        except (http.client.IncompleteRead, ConnectionError):
            connection.close()
        found.append([answer.status, whole.hexdigest(), times])
    print(json.dumps(found))
"""


def tell(
    forage: Activated, asker: Sandbox, answers: Iterable[Answer]
) -> list[tuple[Said, list[float]]]:
    """Have the API answer so: what the log says of each, and when its parts were inside.

    Each arrives as it was sent, unless it is cut off.
    """
    wanted = list(answers)
    time.sleep(0.1)
    begun = time.time()
    question = json.dumps([asdict(each) for each in wanted])
    done = asker.run("python3", "-c", textwrap.dedent(_CLIENT), input=question, user="agent")
    found = json.loads(done.stdout)
    forage.host.wait_for(
        lambda: len(audit(forage, since=begun)) >= len(wanted), "all of it is in the log"
    )
    lines = audit(forage, since=begun)
    assert len(lines) == len(wanted)
    for answer, (status, digest, _) in zip(wanted, found, strict=True):
        assert status == answer.status
        assert answer.reset or digest == hashlib.sha256(answer.body).hexdigest()
    return [(said(line), times) for line, (_, _, times) in zip(lines, found, strict=True)]


def said(line: dict[str, object]) -> Said:
    values: Any = tuple(line[key] for key in KEYS)
    assert isinstance(values[0], str)
    assert all(value is None or type(value) is int for value in values[1:])
    return values  # type: ignore[no-any-return]


def told(forage: Activated, asker: Sandbox, *answers: Answer) -> list[Said]:
    return [values for values, _ in tell(forage, asker, answers)]


_USED: dict[str, Any] = {"input_tokens": 12, "output_tokens": 1, "cache_read_input_tokens": 5}
_CHUNK = {"object": "chat.completion.chunk", "model": "gpt-5.1-2026", "usage": None}
_DELTA = {"choices": [{"delta": {"content": "one"}}]}
_CHAT_USAGE = {
    "prompt_tokens": 31,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 16, "audio_tokens": 0},
}
_RESPONSE_USAGE = {
    "input_tokens": 41,
    "input_tokens_details": {"cached_tokens": 32},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
}
_RESPONSE = {"model": "gpt-5.1", "output": [{"type": "message"}], "usage": _RESPONSE_USAGE}
_GEMINI_USAGE = {
    "promptTokenCount": 8,
    "candidatesTokenCount": 21,
    "cachedContentTokenCount": 3,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
}
_GEMINI: dict[str, object] = {
    "candidates": [{"content": {"parts": [{"text": "one"}]}}],
    "usageMetadata": _GEMINI_USAGE,
    "modelVersion": "gemini-3-pro",
}

# Of each API an answer in plain JSON and one in events, and what the log is to say of it.
ANSWERS: dict[str, tuple[str, str, Said]] = {
    "messages": (
        text(
            {
                "id": "msg_1",
                "model": "claude-x",
                "content": [{"type": "text", "text": "one"}],
                "usage": _USED | {"cache_creation_input_tokens": 2, "output_tokens": 40},
            }
        ),
        JSON,
        ("claude-x", 12, 40, 5, 2),
    ),
    "messages, events": (
        text(
            {"type": "message_start", "message": {"model": "claude-x", "usage": _USED}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "one"}},
            {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 40}},
            {"type": "message_stop"},
        ),
        EVENTS,
        ("claude-x", 12, 40, 5, None),
    ),
    "chat": (
        text({"model": "gpt-5.1-2026", **_DELTA, "usage": _CHAT_USAGE}),
        JSON,
        ("gpt-5.1-2026", 31, 7, 16, None),
    ),
    "chat, events": (
        text({**_CHUNK, **_DELTA}, {**_CHUNK, "choices": [], "usage": _CHAT_USAGE}),
        EVENTS,
        ("gpt-5.1-2026", 31, 7, 16, None),
    ),
    "responses": (text(_RESPONSE), JSON, ("gpt-5.1", 41, 9, 32, None)),
    "responses, events": (
        text(
            {"type": "response.created", "response": {**_RESPONSE, "usage": None}},
            {"type": "response.output_text.delta", "delta": "one"},
            {"type": "response.completed", "response": _RESPONSE},
        ),
        EVENTS,
        ("gpt-5.1", 41, 9, 32, None),
    ),
    "gemini": (text(_GEMINI), JSON, ("gemini-3-pro", 8, 21, 3, None)),
    "gemini, events": (
        text({**_GEMINI, "usageMetadata": {"promptTokenCount": 8}}, _GEMINI),
        EVENTS,
        ("gemini-3-pro", 8, 21, 3, None),
    ),
    "spread over lines": (
        json.dumps(json.loads(text(_RESPONSE)), indent=2).replace("\n", "\r\n"),
        JSON,
        ("gpt-5.1", 41, 9, 32, None),
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_an_answer_states_is_in_the_log_however_it_is_cut(
    forage: Activated, asker: Sandbox, name: str
) -> None:
    whole, kind, expected = ANSWERS[name]
    # A byte at a time, and so that each key is cut at each of its places.
    cuts = [cut(whole, size) for size in (len(whole), 1, 2, 3, 5, 7, 11, 13, 64, 101)]
    for key in ('"model', '"usage'):
        at = whole.index(key)
        cuts += [[whole[:place], whole[place:]] for place in range(at, at + 24)]

    found = told(forage, asker, *(Answer(pieces, kind, pause=0.001) for pieces in cuts))

    assert found == [expected] * len(cuts)


def test_what_a_model_writes_counts_for_nothing(forage: Activated, asker: Sandbox) -> None:
    fake = '{"model": "fake", "usage": {"input_tokens": 1, "output_tokens": 5}}'
    fakes = [fake, f"\n{fake}", f" \\{fake}", json.dumps(fake), f'"{fake}', "\\" + json.dumps(fake)]
    fakes += [f"data: {fake}\n\n", f'{{"a":"\\",{fake[1:]}', f"caf\u00e9 {fake}"]
    plain, events = [], []
    for each in fakes:
        end = {"type": "message_delta", "usage": {"output_tokens": 40}}
        start = {"type": "message_start", "message": {"model": "claude-x", "usage": _USED}}
        delta = {"type": "content_block_delta", "delta": {"text": each}}
        events.append(Answer(cut(text(start, delta, end, delta), 50), EVENTS))
        whole = {"text": each, "model": "claude-x", "usage": _USED, "content": [{"text": each}]}
        plain.append(Answer(cut(text(whole), 50)))

    assert told(forage, asker, *plain) == [("claude-x", 12, 1, 5, None)] * len(plain)
    assert told(forage, asker, *events) == [("claude-x", 12, 40, 5, None)] * len(events)
    # The control: with no backslash it is a key.
    assert told(forage, asker, Answer([fake])) == [("fake", 1, 5, None, None)]


def test_what_a_tool_is_called_with_counts_for_nothing(forage: Activated, asker: Sandbox) -> None:
    fake = {"model": "fake", "usage": {"input_tokens": 1, "cache_creation_input_tokens": 9}}
    call = {"type": "tool_use", "input": fake}
    whole = {"model": "claude-x", "content": [call], "usage": _USED}
    gemini = _GEMINI | {"candidates": [{"functionCall": {"args": fake}}]}
    answers = [Answer(cut(text(each), 40)) for each in (whole, gemini)]

    assert told(forage, asker, *answers) == [
        ("claude-x", 12, 1, 5, None),
        ("gemini-3-pro", 8, 21, 3, None),
    ]


HOSTILE_NAMES = [
    'x","sandbox":"other',
    "x\n{}",
    "x\u0000",
    "x" * 129,
    "$remote_addr",
    "caf\u00e9",
    "",
    "\ud800",
    "<b>",
    "a b",
]
HOSTILE_COUNTS = ["-1", '"5"', "1.5", "1e300", "1e13", "null", "true", "[5]", '{"a":5}']


def test_what_an_api_says_cannot_spoil_the_log(forage: Activated, asker: Sandbox) -> None:
    names = [Answer([f'{{"model":{json.dumps(name)}}}']) for name in HOSTILE_NAMES]
    names += [Answer(['{"model":"\xff\xfe\x80"}']), Answer(['{"model":"x'])]
    counts = [
        Answer([f'{{"model":"m","usage":{{"input_tokens":{count},"output_tokens":{count}}}}}'])
        for count in HOSTILE_COUNTS
    ]
    unsound = [
        '{"model":"m","usage":{"input_tokens":5',
        '{"model":"m","usage":{"input_tokens":5]}',
        '{"model":"m","usage":{' + '"usage":{' * 3000,
        '{"model":"m"' + ',"usage' * 3000,
        '{"model":"m"' + ',"model":"' * 3000,
        '{"model":"m","usage"' + " " * 3000 + ":{}}",
        '{"model":"m","usage":' + "[" * 3000,
    ]
    bodies = [Answer(pieces) for each in unsound for pieces in ([each], cut(each, 900))]

    assert told(forage, asker, *names) == [NOTHING] * len(names)
    assert told(forage, asker, *counts) == [("m", None, None, None, None)] * len(counts)
    assert told(forage, asker, *bodies) == [("m", None, None, None, None)] * len(bodies)
    # The control: what is sound, at its greatest.
    longest = "Az09._:/@-" + "x" * 118
    sound = f'{{"model":"{longest}","usage":{{"input_tokens":0,"output_tokens":1000000000000}}}}'
    assert told(forage, asker, Answer([sound])) == [(longest, 0, 10**12, None, None)]


def test_other_answers_are_passed_on_unread(
    forage: Activated, asker: Sandbox, other: Sandbox, apis: Apis
) -> None:
    whole = ANSWERS["messages"][0]
    squeezed = gzip.compress(whole.encode()).decode("latin-1")
    answers = [
        Answer([whole], "text/plain"),
        Answer([whole], status=201),
        Answer([whole], status=500),
        Answer([squeezed], headers={"Content-Encoding": "gzip"}),
        Answer(['{"ok":true}']),
        Answer([]),
    ]

    assert told(forage, asker, *answers) == [NOTHING] * len(answers)
    # None of them was asked for a compressed one.
    assert {str(asked.header("accept-encoding")) for asked in apis.new()} == {"['identity']"}
    # What is only looked at was counted before.
    begun = time.time()
    told_by = ("--request", "GET", "--header", "x-do: say", "--data")
    url = "http://10.100.0.1/proxies/forge/repos/acme/website"
    status, body = ask(other, url, *told_by, json.dumps(asdict(Answer([whole]))))
    assert (status, body) == (200, whole)
    assert [said(line) for line in audit(forage, since=begun)] == [NOTHING]


@pytest.mark.parametrize("flag", ["--http1.1", "--http2-prior-knowledge"])
def test_what_has_come_is_inside_before_the_next_is_sent(
    forage: Activated, asker: Sandbox, flag: str
) -> None:
    whole, kind, expected = ANSWERS["messages, events"]
    pieces = [f"{event}\n\n" for event in whole.split("\n\n")[:-1]]
    answer = Answer(pieces, kind, pause=0.4)
    ((found, times),) = tell(forage, asker, [answer])

    assert found == expected
    assert len(times) == len(pieces)
    assert all(after - before > 0.2 for before, after in itertools.pairwise(times))
    # The same by a client that asks in another way, of which each line is marked with its time.
    begun = time.time()
    watch = f"""
        import subprocess, sys, time
        argv = ["curl", "-sN", {flag!r}, "-H", "x-do: say", "-d", sys.argv[1], {MESSAGES_URL!r}]
        begun = time.monotonic()
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as client:
            print([time.monotonic() - begun for line in client.stdout if line.strip()])
    """
    seen = json.loads(python(asker, watch, json.dumps(asdict(answer))))
    assert len(seen) == len(pieces)
    assert all(after - before > 0.2 for before, after in itertools.pairwise(seen))
    assert [said(line) for line in audit(forage, since=begun)] == [expected]


def test_an_answer_that_breaks_off_counts_as_far_as_it_came(
    forage: Activated, asker: Sandbox
) -> None:
    whole, kind, _ = ANSWERS["messages, events"]
    first, _, rest = whole.partition("\n\n")
    broken = Answer([f"{first}\n\n", rest[:30]], kind, pause=0.1, reset=True)

    assert told(forage, asker, broken) == [("claude-x", 12, 1, 5, None)]


def test_a_large_answer_is_read_to_its_end(forage: Activated, asker: Sandbox) -> None:
    filling = text({"x": "x" * 60000, "y": {"usage": {"output_tokens": 7}}}, {})
    first, last = (text({"usage": {"output_tokens": count}}, {}) for count in (1, 2))
    answer = Answer([first, *[filling] * 9], EVENTS, times=100, last=[last])
    assert len(answer.body) > 50 * 2**20

    assert told(forage, asker, answer) == [("", None, 2, None, None)]


def test_without_the_module_the_proxy_says_what_to_do(forage: Activated, apis: Apis) -> None:
    del apis
    for name in ASKING:
        forage.stop(name)
    forage.host.run("systemctl", "stop", "forage-api.service")
    with without_usage_module(forage.host):
        forage.refuses(
            "asker", "needs forage-api.service", "nixos-module/nginx-usage", "auditTokens"
        )
    forage.host.run("systemctl", "reset-failed")
    forage.running("asker")  # the control
