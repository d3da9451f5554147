"""What the schema tells editors and Nix of a text is never stricter than its grammar."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forage_gen.values.problem import ValueProblem
from tests.schema.forms import FORMS, Form, patterns
from tests.values.test_every_grammar import HOSTILE, near

PATTERNS = patterns()
EVERY = pytest.mark.parametrize("what", FORMS)


def has_form(what: str, text: str) -> bool:
    """Whether a text has the form, as Nix reads it: `$` is the end, and not before a newline."""
    return re.search(PATTERNS[what].replace("$", r"\Z"), text) is not None


def is_taken(form: Form, text: str) -> bool:
    """Whether a grammar takes it."""
    for read in form.grammars:
        try:
            read(text)
        except ValueProblem:
            continue
        return True
    return False


def test_there_are_samples_of_each() -> None:
    assert set(PATTERNS) == set(FORMS)


@EVERY
def test_what_is_taken_has_the_form(what: str) -> None:
    form = FORMS[what]

    assert all(is_taken(form, text) for text in form.taken)
    assert [text for text in form.taken if not has_form(what, text)] == []


@EVERY
def test_what_has_not_the_form_is_refused(what: str) -> None:
    form = FORMS[what]

    assert [text for text in form.refused if has_form(what, text)] == []
    assert [text for text in form.refused if is_taken(form, text)] == []


@EVERY
@given(data=st.data())
@settings(max_examples=60)
def test_no_text_is_taken_without_the_form(what: str, data: st.DataObject) -> None:
    form = FORMS[what]
    text = data.draw(near(list(form.taken)) | HOSTILE | st.text(max_size=20))

    assert has_form(what, text) or not is_taken(form, text)


@pytest.mark.parametrize("pattern", PATTERNS.values())
def test_a_pattern_means_the_same_to_all_who_read_it(pattern: str) -> None:
    """No class by name, no group but plain ones, no lazy repetition, no escape but of brackets."""
    classes = re.findall(r"\\.|(\[\^?.[^]]*\])", pattern)
    around = re.sub(r"(?<!\\)\[\^?.[^]]*\]", "c", pattern)

    assert not any("[:" in each or "\\" in each or "]" in each[:-1] for each in classes)
    assert not re.search(r"\(\?|[*+?}]\?", around)
    assert set(re.findall(r"\\(.)", around)) <= {"["}
