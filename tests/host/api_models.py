"""What models answer, in the words of three APIs: Messages, Chat Completions, Responses.

It runs on the test host, beside `api_server.py`, with that host's Python and nothing else. The
model says `TEXT`. Told to `RUN: COMMAND`, it calls the client's tool for a shell, and then says
what that answered.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = "hello from the upstream"

_ORDER = re.compile(r"RUN: ([^\n\"\\<]+)")
_USAGE = {"input_tokens": 7, "output_tokens": 4}

Json = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """What the model does next: it says a text, or calls a tool with a command."""

    model: str
    text: str = TEXT
    tool: str | None = None
    command: str = ""

    @property
    def pieces(self) -> list[str]:
        """The text, as a stream has it."""
        return re.findall(r"\s*\S+", self.text)

    @property
    def arguments(self) -> Json:
        """What the tool is called with."""
        return {"command": self.command, "description": "What was asked for"}


def turn(path: str, body: bytes) -> Turn | None:
    """Take the next turn of a conversation, if this is one."""
    try:
        asked = json.loads(body)
        said = asked.get("messages") or asked.get("input")
    except (ValueError, AttributeError):
        return None
    if not said or path.partition("?")[0] not in _APIS:
        return None
    model = str(asked.get("model"))
    results = list(_results(said))
    if results:
        return Turn(model, f"it answered {results[-1]}")
    shell = next((name for name in _tools(asked) if name.lower() == "bash"), None)
    order = _ORDER.search(json.dumps(said))
    if shell and order:
        return Turn(model, tool=shell, command=order[1].strip())
    return Turn(model)


def _tools(asked: Json) -> Iterator[str]:
    for tool in asked.get("tools", []):
        yield tool.get("name") or tool.get("function", {}).get("name", "")


def _results(said: object) -> Iterator[str]:
    """Find what tools answered, wherever an API has it."""
    if isinstance(said, list):
        for each in said:
            yield from _results(each)
    elif isinstance(said, dict):
        if said.get("type") == "tool_result" or said.get("role") == "tool":
            yield _plain(said["content"])
        elif said.get("type") == "function_call_output":
            yield _plain(said["output"])
        else:
            yield from _results(said.get("content"))


def _plain(content: object) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return str(content)


def whole(path: str, it: Turn) -> Json:
    """Return the answer in one piece."""
    return _APIS[path.partition("?")[0]][0](it)


def stream(path: str, it: Turn) -> Iterator[tuple[bytes, bool]]:
    """Yield the events, and of each whether it is a piece of text."""
    return _APIS[path.partition("?")[0]][1](it)


def _event(data: Json, *, named: bool = True) -> bytes:
    name = f"event: {data['type']}\n" if named else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


def _message(it: Turn) -> Json:
    text: Json = {"type": "text", "text": it.text}
    call: Json = {"type": "tool_use", "id": "toolu_1", "name": it.tool, "input": it.arguments}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": it.model,
        "content": [call if it.tool else text],
        "stop_reason": "tool_use" if it.tool else "end_turn",
        "stop_sequence": None,
        "usage": _USAGE,
    }


def _message_stream(it: Turn) -> Iterator[tuple[bytes, bool]]:
    message = _message(it)
    begun = {**message, "content": [], "stop_reason": None}
    yield _event({"type": "message_start", "message": begun}), False
    empty: Json = {"input": {}} if it.tool else {"text": ""}
    block = message["content"][0] | empty
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    yield _event(start), False
    if it.tool:
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(it.arguments)}]
    else:
        deltas = [{"type": "text_delta", "text": piece} for piece in it.pieces]
    for delta in deltas:
        yield _event({"type": "content_block_delta", "index": 0, "delta": delta}), True
    yield _event({"type": "content_block_stop", "index": 0}), False
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": end, "usage": _USAGE}), False
    yield _event({"type": "message_stop"}), False


def _called(it: Turn) -> Json:
    function = {"name": it.tool, "arguments": json.dumps(it.arguments)}
    return {"id": "call_1", "type": "function", "function": function}


def _completion(it: Turn) -> Json:
    said = {"content": None, "tool_calls": [_called(it)]} if it.tool else {"content": it.text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": it.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", **said},
                "finish_reason": "tool_calls" if it.tool else "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11},
    }


def _completion_stream(it: Turn) -> Iterator[tuple[bytes, bool]]:
    completion = _completion(it)
    end = completion["choices"][0]["finish_reason"]
    deltas: list[Json] = [{"content": piece} for piece in it.pieces]
    if it.tool:
        deltas = [{"tool_calls": [{"index": 0, **_called(it)}]}]
    for delta, reason in (*((delta, None) for delta in deltas), ({}, end)):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {**completion, "object": "chat.completion.chunk", "choices": [choice]}
        yield _event(chunk, named=False), reason is None
    yield b"data: [DONE]\n\n", False


def _response(it: Turn) -> Json:
    said = {
        "id": "item_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": it.text, "annotations": []}],
    }
    called = {
        "id": "item_1",
        "type": "function_call",
        "call_id": "call_1",
        "name": it.tool,
        "arguments": json.dumps(it.arguments),
        "status": "completed",
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": it.model,
        "status": "completed",
        "output": [called if it.tool else said],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            **_USAGE,
            "input_tokens_details": {"cached_tokens": 0},
            "total_tokens": 11,
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _response_stream(it: Turn) -> Iterator[tuple[bytes, bool]]:
    response = _response(it)
    (item,) = response["output"]
    place = {"item_id": "item_1", "output_index": 0}
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [{"type": "response.created", "response": begun}]
    if it.tool:
        start = {**item, "arguments": "", "status": "in_progress"}
        kind = "response.function_call_arguments"
        middle = [
            {"type": f"{kind}.delta", **place, "delta": item["arguments"]},
            {"type": f"{kind}.done", **place, "arguments": item["arguments"]},
        ]
    else:
        start = {**item, "content": [], "status": "in_progress"}
        place["content_index"] = 0
        part = {"type": "output_text", "text": "", "annotations": []}
        middle = [
            {"type": "response.content_part.added", **place, "part": part},
            *({"type": "response.output_text.delta", **place, "delta": p} for p in it.pieces),
            {"type": "response.output_text.done", **place, "text": it.text},
            {"type": "response.content_part.done", **place, "part": item["content"][0]},
        ]
    events.append({"type": "response.output_item.added", "output_index": 0, "item": start})
    events += middle
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": response})
    for number, data in enumerate(events):
        piece = data["type"] == "response.output_text.delta"
        yield _event({**data, "sequence_number": number}), piece


_APIS = {
    "/v1/messages": (_message, _message_stream),
    "/v1/chat/completions": (_completion, _completion_stream),
    "/v1/responses": (_response, _response_stream),
}
