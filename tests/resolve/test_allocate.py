"""Numbers: stable, disjoint, in their ranges, and kept in a lock that merges."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.resolve.allocate import EMPTY, Lock, allocate
from forage_gen.resolve.plan import UIDS_PER_SANDBOX
from tests.read.projects import TEMPLATE, finding, findings, place_of, resolved, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forage_gen.resolve.plan import Sandbox

# https://systemd.io/UIDS-GIDS
CONTAINER_UIDS = range(0x80000, 0x70000000)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4}){0,2}", fullmatch=True).filter(
    lambda name: name not in {"host", "localhost"}
)


def project(names: Iterable[str], subnet: str = "10.100.0.0/16") -> dict[str, str]:
    sandboxes = "".join(
        f'[sandboxes.{name}]\ntemplate = "web"\nworkspace = "/srv/{name}"\n' for name in names
    )
    return {
        "forage.toml": f'user = "alice"\nsubnet = "{subnet}"\n{sandboxes}',
        "templates/web.toml": TEMPLATE,
    }


def build(root: Path, names: Iterable[str], subnet: str = "10.100.0.0/16") -> dict[str, Sandbox]:
    """Plan a project and keep its lock, as a build does."""
    done = resolved(root, project(names, subnet))
    write(root, {"forage.lock": done.lock.render()})
    return {sandbox.name: sandbox for sandbox in done.plan.sandboxes}


NAMED = [f"s{number}" for number in range(40)]


def test_a_second_build_changes_nothing(tmp_path: Path) -> None:
    assert build(tmp_path, NAMED) == build(tmp_path, NAMED)


def test_the_order_in_the_file_does_not_matter(tmp_path: Path) -> None:
    assert build(tmp_path / "a", NAMED) == build(tmp_path / "b", reversed(NAMED))


@pytest.mark.parametrize("subnet", ["10.100.0.0/16", "10.100.0.0/26"])
def test_adding_one_changes_no_other(tmp_path: Path, subnet: str) -> None:
    before = build(tmp_path, NAMED, subnet)
    after = build(tmp_path, ["new", *NAMED], subnet)
    assert {name: after[name] for name in NAMED} == before


@pytest.mark.parametrize("subnet", ["10.100.0.0/16", "10.100.0.0/26"])
def test_removing_one_changes_no_other(tmp_path: Path, subnet: str) -> None:
    before = build(tmp_path, NAMED, subnet)
    after = build(tmp_path, NAMED[1:], subnet)
    assert after == {name: before[name] for name in NAMED[1:]}


@pytest.mark.parametrize("subnet", ["10.100.0.0/16", "10.100.0.0/26"])
def test_renaming_one_changes_no_other(tmp_path: Path, subnet: str) -> None:
    before = build(tmp_path, NAMED, subnet)
    after = build(tmp_path, ["a-new-name", *NAMED[1:]], subnet)
    assert {name: after[name] for name in NAMED[1:]} == {n: before[n] for n in NAMED[1:]}


@given(
    st.dictionaries(NAMES, st.integers(0, 40), max_size=20),
    st.sets(NAMES, max_size=20),
    st.integers(20, 30),
)
def test_names_keep_the_numbers_that_are_still_valid(
    known: dict[str, int], wanted: set[str], capacity: int
) -> None:
    # A lock never has a number twice: that is an error of its own.
    known = {name: number for number, name in {n: name for name, n in known.items()}.items()}
    numbers = allocate(known, wanted, capacity)
    assert numbers.keys() == wanted
    assert len(set(numbers.values())) == len(numbers)
    assert all(0 <= number < capacity for number in numbers.values())
    for name in wanted:
        if known.get(name, capacity) < capacity:
            assert numbers[name] == known[name]


SUBNETS = st.builds(
    lambda third, prefix: str(IPv4Network((f"10.7.{third}.128", prefix), strict=False)),
    st.integers(0, 255),
    st.integers(16, 26),
)


@given(st.sets(NAMES, min_size=1, max_size=12), SUBNETS)
def test_what_follows_from_a_number(names: set[str], subnet: str) -> None:
    plan = _plan(names, subnet)
    network = plan[0]
    sandboxes = plan[1]
    assert {sandbox.name for sandbox in sandboxes} == names
    for values in (
        [sandbox.address for sandbox in sandboxes],
        [sandbox.interface for sandbox in sandboxes],
        [sandbox.uid_base for sandbox in sandboxes],
    ):
        assert len(set(values)) == len(names)
    reserved = {network[0], network[1], network[-1]}
    for sandbox in sandboxes:
        assert sandbox.address in network
        assert sandbox.address not in reserved
        assert len(sandbox.interface.encode()) <= 15
        assert sandbox.uid_base % UIDS_PER_SANDBOX == 0
        assert sandbox.uid_base in CONTAINER_UIDS
        assert sandbox.uid_base + UIDS_PER_SANDBOX - 1 in CONTAINER_UIDS


def _plan(names: set[str], subnet: str) -> tuple[IPv4Network, tuple[Sandbox, ...]]:
    with tempfile.TemporaryDirectory() as directory:
        plan = resolved(Path(directory), project(names, subnet)).plan
    assert plan.gateway == plan.subnet[1]
    return plan.subnet, plan.sandboxes


def test_the_longest_numbers_fit_an_interfaces_name(tmp_path: Path) -> None:
    write(tmp_path, {"forage.lock": Lock({"a": 28_663}, {}).render()})
    sandbox = build(tmp_path, ["a"])["a"]
    assert sandbox.interface == "fg-28663"
    assert sandbox.uid_base + UIDS_PER_SANDBOX == CONTAINER_UIDS.stop


def test_a_full_subnet(tmp_path: Path) -> None:
    sandboxes = build(tmp_path, NAMED[:5], "10.0.0.0/29")
    assert sorted(str(each.address) for each in sandboxes.values()) == [
        f"10.0.0.{last}" for last in range(2, 7)
    ]


@pytest.mark.parametrize(
    ("subnet", "room", "larger"),
    [
        ("10.0.0.8/29", 5, "10.0.0.0/28"),
        ("192.168.7.0/26", 61, "192.168.7.0/25"),
        ("172.31.192.0/18", 16_381, "172.31.128.0/17"),
    ],
)
def test_one_too_many(tmp_path: Path, subnet: str, room: int, larger: str) -> None:
    names = [f"s{number}" for number in range(room + 1)]
    found = finding(tmp_path, project(names, subnet))
    assert found.code == "subnet-full"
    assert place_of(found) == (2, 10, 12 + len(subnet))
    assert f"room for {room:,} sandboxes; the project has {room + 1:,}" in found.message
    assert f'subnet = "{larger}"' in found.hint
    assert findings(tmp_path, project(names, larger)) == []


def test_more_than_a_host_has_user_ids_for(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(28_665)]
    found = finding(tmp_path, project(names, "10.0.0.0/8"))
    assert found.code == "too-many-sandboxes"
    assert "28,664" in found.message


def test_more_templates_than_ports_for_resolvers(tmp_path: Path) -> None:
    files = {f"templates/t{number}.toml": TEMPLATE for number in range(513)}
    sandboxes = "".join(
        f'[sandboxes.s{number}]\ntemplate = "t{number}"\nworkspace = "/s{number}"\n'
        for number in range(513)
    )
    found = finding(tmp_path, {"forage.toml": f'user = "a"\n{sandboxes}', **files})
    assert found.code == "too-many-templates"


def test_ten_thousand_sandboxes(tmp_path: Path) -> None:
    files = project([f"s{number}" for number in range(10_000)], "10.0.0.0/18")
    started = time.process_time()
    plan = resolved(tmp_path, files).plan
    # About a second; what grows faster than the number of sandboxes takes minutes.
    assert time.process_time() - started < 20
    assert len({sandbox.address for sandbox in plan.sandboxes}) == 10_000


def test_a_smaller_subnet_keeps_the_numbers_that_are_in_it(tmp_path: Path) -> None:
    write(tmp_path, {"forage.lock": Lock({"s0": 3, "s1": 200, "s2": 4}, {"web": 7}).render()})
    slots = {
        name: each.slot for name, each in build(tmp_path, ["s0", "s1", "s2"], "10.0.0.0/28").items()
    }
    assert (slots["s0"], slots["s2"]) == (3, 4)
    assert slots["s1"] < 13


def test_no_hash_seed_changes_the_plan(tmp_path: Path) -> None:
    write(tmp_path, project(NAMED))
    program = (
        "import sys; from pathlib import Path; from forage_gen.read.load import load;"
        "from forage_gen.resolve.resolve import resolve;"
        "done = resolve(load(Path(sys.argv[1]))); print(done.plan, done.lock.render())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1


LOCK = Lock({"a": 1, "b": 2}, {"web": 5}).render()


def test_a_lock_says_what_it_is() -> None:
    assert LOCK == (
        "# Written by forage-gen. Which number each sandbox and template has: keep this\n"
        "# file in version control. After a merge, keep the lines of both sides.\n"
        "version = 1\n\n[sandboxes]\na = 1\nb = 2\n\n[templates]\nweb = 5\n"
    )
    assert EMPTY.render().endswith("version = 1\n\n[sandboxes]\n\n[templates]\n")


@pytest.mark.parametrize(
    ("old", "new", "code", "place", "message"),
    [
        ("b = 2", "b = 1", "lock-duplicate", (7, 5, 6), "`a` and `b` both have the number 1"),
        ("b = 2", "b = '2'", "lock-damaged", (7, 5, 8), "`b` has no number"),
        ("b = 2", "b = -1", "lock-damaged", (7, 5, 7), "`b` has no number"),
        ("b = 2", "b = true", "lock-damaged", (7, 5, 9), "`b` has no number"),
        ("version = 1", "version = 2", "lock-version", (3, 11, 12), "has version 2"),
        ("version = 1", "version = true", "lock-damaged", (3, 11, 15), "its version"),
        ("version = 1", "# none", "lock-damaged", (1, 1, 2), "its version"),
        ("[templates]\nweb = 5", "templates = 5", "lock-damaged", (9, 1, 10), "`templates`"),
        ("[templates]", "[pins]", "lock-damaged", (9, 2, 6), "`pins` is nothing"),
        ("[sandboxes]", "<<<<<<< HEAD", "merge-conflict", (5, 1, 13), "unfinished merge"),
        ("a = 1", "a =", "toml-syntax", (6, 4, 5), "no valid TOML"),
        ("a = 1", "b = 1", "duplicate-key", (7, 1, 2), "`b` is written twice"),
    ],
)
def test_a_lock_that_is_not_right(  # noqa: PLR0913, PLR0917  the columns of the table
    tmp_path: Path, old: str, new: str, code: str, place: tuple[int, int, int], message: str
) -> None:
    if new.startswith("templates"):  # no table may come before it
        lock = f"{new}\n" + LOCK.replace(old, "")
        place = (1, 13, 14)
    else:
        lock = LOCK.replace(old, new)
    found = finding(tmp_path, {**project(["a", "b"]), "forage.lock": lock})
    assert (found.code, found.location.file) == (code, "forage.lock")
    assert place_of(found) == place
    assert message in found.message


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=False
    )


def branches(root: Path, common: list[str], one: list[str], other: list[str]) -> bool:
    """Add sandboxes on two branches, and merge them. Return whether git merged all."""
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    build(root, common)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=common")
    for branch, names in (("one", one), ("other", other)):
        git(root, "checkout", "--quiet", "-b", branch, "main")
        build(root, [*common, *names])
        git(root, "commit", "--quiet", "--all", f"--message={branch}")
    return git(root, "merge", "--quiet", "one").returncode == 0


def test_two_branches_that_add_one_each_merge(tmp_path: Path) -> None:
    common = [f"m{number}" for number in range(10)]
    root = tmp_path / "repository"
    branches(root, common, ["a"], ["z"])
    lock = (root / "forage.lock").read_text()
    assert "<<<<<<<" not in lock
    # Whoever merges forage.toml gets the numbers of both branches.
    write(root, project([*common, "a", "z"]))
    assert resolved(root, {}).lock.render() == lock


def test_two_branches_that_add_neighbours_conflict_and_the_message_says_what_to_do(
    tmp_path: Path,
) -> None:
    root = tmp_path / "repository"
    assert not branches(root, ["a", "z"], ["m1"], ["m2"])
    write(root, project(["a", "m1", "m2", "z"]))
    found = finding(root, {})
    assert (found.code, found.location.file) == ("merge-conflict", "forage.lock")
    assert "Keep the lines of both sides" in found.hint
    # As the hint says:
    lock = root / "forage.lock"
    kept = [line for line in lock.read_text().splitlines() if line[:7] not in MARKERS]
    lock.write_text("\n".join(kept) + "\n")
    assert len(resolved(root, {}).plan.sandboxes) == 4


MARKERS = {"<<<<<<<", "=======", ">>>>>>>"}


def test_two_branches_that_chose_one_number(tmp_path: Path) -> None:
    """Git merges the lines; the message names both sandboxes and says which line to delete."""
    lock = Lock({"a": 7, "z": 7}, {"web": 1}).render()
    found = finding(tmp_path, {**project(["a", "z"]), "forage.lock": lock})
    assert found.message == "The sandboxes `a` and `z` both have the number 7."
    write(tmp_path, {"forage.lock": lock.replace("z = 7\n", "")})
    slots = {each.name: each.slot for each in resolved(tmp_path, {}).plan.sandboxes}
    assert slots["a"] == 7
    assert slots["z"] != 7
