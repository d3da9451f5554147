"""What a test that cannot run here does: skip for a person, fail in CI."""

from __future__ import annotations

import pytest

from tests.requirements import require, require_nixpkgs

MISSING = "no-such-program-4711"


def test_what_is_there_is_no_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    require("sh")


def test_by_hand_a_missing_tool_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"needs {MISSING}"):
        require("sh", MISSING)


def test_in_ci_a_missing_tool_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=f"needs {MISSING}, which CI must have"):
        require("sh", MISSING)


def test_nixpkgs_is_optional_even_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("FORAGE_NIXPKGS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="FORAGE_NIXPKGS"):
        require_nixpkgs()
