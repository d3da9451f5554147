from __future__ import annotations

import json
import re
import subprocess
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.check.registry import RULES
from forage_gen.diagnostics import Severity
from forage_gen.report.machine import github, json_report, sarif
from tests.report.findings import finding
from tests.requirements import require

FOUND = [
    finding("x = 1", 5, 6, file="templates/ä b.toml", severity=Severity.WARNING, code="no-limits"),
    finding('"🙂" = 1', 7, 8, code="unknown-key"),
    finding("", severity=Severity.INFO, code="no-reset", hint=""),
    finding("y", severity=Severity.INFO, code="network-full"),
]


def jq(document: str, program: str) -> object:
    """Read a document with another reader of JSON than Python's."""
    require("jq")
    command = ["jq", "-c", program]
    done = subprocess.run(command, input=document.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


def test_json() -> None:
    document = json_report(FOUND)
    assert jq(document, "[.version, .counts]") == [1, {"error": 1, "warning": 1, "info": 2}]
    assert jq(document, ".findings[1]") == {
        "severity": "info",
        "code": "no-reset",
        "message": "It is wrong.",
        "hint": "",
        "file": "forage.toml",
        "line": 7,
        "column": 1,
        "endColumn": 2,
        "sourceLine": None,
    }
    assert jq(document, "[.findings[].code]") == [
        "network-full",
        "no-reset",
        "unknown-key",
        "no-limits",
    ]


def test_json_of_nothing() -> None:
    assert jq(json_report([]), ".findings") == []


def test_a_line_too_long_for_a_person_is_left_out() -> None:
    found = [finding("a" * 10_000)]
    assert jq(json_report(found), ".findings[0].sourceLine") is None
    assert "aaaa" not in sarif(found)


def test_sarif_has_what_the_standard_asks_for() -> None:
    log = json.loads(sarif(FOUND))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "forage-gen"
    assert run["columnKind"] == "unicodeCodePoints"
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == sorted({found.code for found in FOUND})
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in {"note", "warning", "error"}
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"note", "warning", "error"}
        assert result["message"]["text"]
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert 1 <= region["startColumn"] <= region["endColumn"]
        assert region["startLine"] >= 1


def test_sarif_explains_a_rule_by_the_registry() -> None:
    (run,) = json.loads(sarif(FOUND))["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert rules["no-limits"]["shortDescription"]["text"] == RULES["no-limits"].summary
    assert RULES["no-limits"].instead in rules["no-limits"]["help"]["markdown"]
    # This one finding is milder than its rule is.
    assert rules["network-full"]["defaultConfiguration"]["level"] == "warning"
    assert run["results"][0]["level"] == "note"


def test_sarif_shows_no_line_that_is_withheld() -> None:
    (run,) = json.loads(sarif(FOUND))["runs"]
    regions = [r["locations"][0]["physicalLocation"]["region"] for r in run["results"]]
    assert [region.get("snippet") for region in regions] == [
        {"text": "y"},
        None,
        {"text": '"🙂" = 1'},
        {"text": "x = 1"},
    ]


@pytest.mark.parametrize(
    ("file", "artifact"),
    [
        ("forage.toml", {"uri": "forage.toml", "uriBaseId": "%SRCROOT%"}),
        ("a:b/c d#e?.toml", {"uri": "a%3Ab/c%20d%23e%3F.toml", "uriBaseId": "%SRCROOT%"}),
        ("/srv/ä/default.nix", {"uri": "file:///srv/%C3%A4/default.nix"}),
    ],
)
def test_sarif_writes_uris(file: str, artifact: dict[str, str]) -> None:
    (run,) = json.loads(sarif([finding("", file=file)]))["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == artifact


def test_github() -> None:
    place = "file=forage.toml,line=7,endLine=7"
    assert github(FOUND).splitlines() == [
        f"::notice {place},col=1,endColumn=2,title=network-full::It is wrong.%0AWrite it right.",
        f"::notice {place},col=1,endColumn=2,title=no-reset::It is wrong.",
        f"::error {place},col=7,endColumn=8,title=unknown-key::It is wrong.%0AWrite it right.",
        (
            "::warning file=templates/ä b.toml,line=7,endLine=7,col=5,endColumn=6,title=no-limits"
            "::It is wrong.%0AWrite it right."
        ),
    ]


def test_github_escapes() -> None:
    written = github([finding("", file="a,b:c%.toml", message="100%: yes,\n::error::no")])
    assert written.startswith("::error file=a%2Cb%3Ac%25.toml,line=7,")
    assert "::100%25: yes,<U+000A>::error::no%0A" in written
    assert written.count("\n") == 1


anything = st.text(st.characters(exclude_categories=()))


@settings(max_examples=500)
@given(anything, anything, anything)
def test_arbitrary_findings(line: str, message: str, file: str) -> None:
    found = [finding(line, message=message, file=file)]
    read = json.loads(json_report(found))["findings"][0]
    assert (read["message"], read["file"]) == (message, file)
    (run,) = json.loads(sarif(found))["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    uri = place["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9%/._~-]*|file://.*", uri)
    if file.isprintable() and not file.startswith("/"):
        assert unquote(uri) == file
    command = github(found)
    assert command.endswith("\n")
    assert command[:-1].isprintable()
    for document in (json_report(found), sarif(found)):
        assert document.isascii()
        assert document.replace("\n", "").isprintable()


@settings(max_examples=50)
@given(anything, anything)
def test_jq_reads_arbitrary_findings(line: str, message: str) -> None:
    found = [finding(line, message=message)]
    assert jq(json_report(found), ".findings | length") == 1
    assert jq(sarif(found), ".runs[0].results | length") == 1
