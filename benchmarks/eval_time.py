"""What a NixOS host takes to evaluate, with Forage, with NixOS's own containers, with neither.

    FORAGE_NIXPKGS=TREE python -m benchmarks.eval_time

The project is examples/demo with more sandboxes. Each figure is the best of a few whole
processes, and the hosts take turns, so that a load of the machine meets all of them. Calls and
bytes are Nix's own counts, which no load moves.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

from tests.nixos import options
from tests.nixos.nix import OPTIONS, REPOSITORY, expression, path, text

ROUNDS = 3
SANDBOXES = (3, 20, 200)
CONTAINERS = (1, 5, 20)

SYSTEM = "config.system.build.toplevel.drvPath"
DEMO = REPOSITORY / "examples/demo"
TEMPLATES = ("claude", "research", "review")
MIB = 2**20


class Cost(NamedTuple):
    """What one evaluation took.

    Attributes:
        seconds: Wall time of the whole process.
        processor: Processor time of the whole process, in seconds.
        resident: Largest resident set in MiB.
        calls: Calls of functions of the Nix language, in millions.
        allocated: MiB allocated, with those that were collected again.
    """

    seconds: float
    processor: float
    resident: float
    calls: float
    allocated: float

    def best(self, other: Cost) -> Cost:
        """The smaller of each figure."""
        return Cost(*(min(pair) for pair in zip(self, other, strict=True)))

    def times(self, other: Cost) -> Cost:
        """How many times the other's each figure is."""
        return Cost(*(ours / theirs for ours, theirs in zip(self, other, strict=True)))


class Host(NamedTuple):
    """A host to evaluate: a row of the table."""

    name: str
    expression: str
    rounds: int = ROUNDS


def sandboxes(count: int) -> dict[str, dict[str, str]]:
    """So many sandboxes, of each template in turn, by name."""
    return {
        f"box-{n}": {
            "template": TEMPLATES[n % len(TEMPLATES)],
            "workspace": f"/home/alice/projects/box-{n}",
        }
        for n in range(count)
    }


def tree(directory: Path, count: int) -> Path:
    """The tree that forage-gen builds of the project with so many sandboxes."""
    project = tomllib.loads((DEMO / "forage.toml").read_text(encoding="utf-8"))
    project["sandboxes"] = sandboxes(count)
    project["templates"] = {
        file.stem: tomllib.loads(file.read_text(encoding="utf-8"))
        for file in (DEMO / "templates").glob("*.toml")
    }
    root = directory / str(count)
    root.mkdir()
    (root / "forage.json").write_text(json.dumps(project), encoding="utf-8")
    command = (sys.executable, "-m", "forage_gen", "build", str(root), "-o", str(root / "tree"))
    subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    return root / "tree"


def as_options(count: int) -> str:
    """A NixOS module: the same project as NixOS options."""
    lines = (
        f"{text(name)} = {{ {' '.join(f'{key} = {text(value)};' for key, value in box.items())} }};"
        for name, box in sandboxes(count).items()
    )
    written = f"sandboxes = lib.mkForce {{ {' '.join(lines)} }};"
    return options.host(written, (options.DEMO,))


def as_containers(guests: Path, count: int) -> str:
    """A NixOS module: so many of NixOS's containers, with the guests of that tree.

    They take the host's package set, as Forage's guests do: NixOS documents that as the way to
    evaluate them faster.
    """
    lines = (
        f"""
        {text(name)}.config = {{
          imports = [
            {path(REPOSITORY / "nixos-module/guest.nix")}
            {path(guests / "guests" / (box["template"] + ".nix"))}
          ];
          nixpkgs.pkgs = pkgs;
        }};
        """
        for name, box in sandboxes(count).items()
    )
    return f"{{ pkgs, ... }}: {{ containers = {{ {' '.join(lines)} }}; }}"


def evaluate(expr: str) -> Cost:
    """Evaluate once. Nothing is written to the store."""
    command = ["nix-instantiate", "--eval", "--readonly-mode", *OPTIONS, "-E", expr]
    program = shutil.which(command[0])
    if program is None:
        sys.exit("nix-instantiate is not installed")
    with tempfile.NamedTemporaryFile() as stats:
        began = time.perf_counter()
        child = os.posix_spawn(
            program,
            command,
            os.environ | {"NIX_SHOW_STATS": "1", "NIX_SHOW_STATS_PATH": stats.name},
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
        )
        _, status, usage = os.wait4(child, 0)
        took = time.perf_counter() - began
        if status:
            sys.exit("the host does not evaluate")
        counted = json.load(stats)
    return Cost(
        took,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,  # KiB on Linux: getrusage(2)
        counted["nrFunctionCalls"] / 1e6,
        counted["gc"]["totalBytes"] / MIB,
    )


def hosts(directory: Path) -> list[Host]:
    """Every host that is measured. Trees are built in the directory."""
    trees = {count: tree(directory, count) for count in SANDBOXES}
    guests = trees[SANDBOXES[0]]
    return [
        Host("neither", expression(None, SYSTEM)),
        *(Host(f"tree, {count}", expression(trees[count], SYSTEM)) for count in SANDBOXES),
        *(
            Host(f"options, {count}", expression(None, SYSTEM, as_options(count)))
            for count in SANDBOXES
        ),
        *(
            Host(
                f"`containers`, {count}",
                expression(None, SYSTEM, as_containers(guests, count)),
                # The last takes most of a minute.
                ROUNDS if count < CONTAINERS[-1] else 1,
            )
            for count in CONTAINERS
        ),
    ]


def measure(measured: list[Host]) -> dict[str, Cost]:
    """The best cost of each host, by its name."""
    costs: dict[str, Cost] = {}
    for turn in range(ROUNDS):
        for host in measured:
            if turn < host.rounds:
                cost = evaluate(host.expression)
                costs[host.name] = cost.best(costs.get(host.name, cost))
    return costs


def main() -> None:
    """Print the table of benchmarks/README.md, and how the sandboxes' number tells."""
    if not os.environ.get("FORAGE_NIXPKGS"):
        sys.exit("FORAGE_NIXPKGS has to name a nixpkgs tree")
    with tempfile.TemporaryDirectory(prefix="forage-bench-") as directory:
        costs = measure(hosts(Path(directory)))
    print("| host | wall | processor | memory | allocated | calls |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, cost in costs.items():
        print(
            f"| {name} | {cost.seconds:.1f} s | {cost.processor:.1f} s | {cost.resident:,.0f} MiB"
            f" | {cost.allocated:,.0f} MiB | {cost.calls:.2f} M |"
        )
    few, *_, many = SANDBOXES
    for way in ("tree", "options"):
        times = costs[f"{way}, {many}"].times(costs[f"{way}, {few}"])
        print(
            f"| {way}, {many} by {few} | {times.seconds:.2f} | {times.processor:.2f}"
            f" | {times.resident:.2f} | {times.allocated:.2f} | {times.calls:.2f} |"
        )


if __name__ == "__main__":
    main()
