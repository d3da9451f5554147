"""What the host opens for its sandboxes when they start, each path with the key that names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from forage_gen.read.explain_errors import Places
    from forage_gen.read.load import Inputs
    from forage_gen.read.locate import KeyPath
    from forage_gen.resolve import plan as p
    from forage_gen.resolve.inherit import Merged


@dataclass(frozen=True, slots=True)
class Opened:
    """A path that the host opens for a sandbox, and the key that holds it.

    The key's place is looked up only for a finding: that takes longer than all else here.
    """

    path: str
    places: Places
    key: KeyPath


def opened_paths(plan: p.Plan, inputs: Inputs, templates: Mapping[str, Merged]) -> Iterator[Opened]:
    """Yield what is mounted, and the secrets, which are read."""
    yield from mounted_paths(plan, inputs, templates)
    for secret in {secret for each in plan.sandboxes for secret in each.held_secrets}:
        yield Opened(secret.source, inputs.project_file, ("secrets", secret.name))


def mounted_paths(
    plan: p.Plan, inputs: Inputs, templates: Mapping[str, Merged]
) -> Iterator[Opened]:
    """Yield what of the host appears inside."""
    for sandbox in plan.sandboxes:
        key: KeyPath = ("sandboxes", sandbox.name, "workspace")
        yield Opened(sandbox.workspace.source, inputs.project_file, key)
    for template in plan.templates:
        merged = templates[template.name]
        for mount in template.mounts:
            yield Opened(mount.source, merged, key_of(mount))
        if template.rootfs is not None:
            yield Opened(template.rootfs, merged, ("rootfs",))


def config_dirs(mounts: Iterable[p.Mount]) -> Iterator[p.Mount]:
    """Yield those that are an agent's `hostConfigDir`."""
    return (mount for mount in mounts if key_of(mount)[-1] == "hostConfigDir")


def key_of(mount: p.Mount) -> KeyPath:
    """Find the key that says what is mounted."""
    agent, is_config, _ = mount.name.partition(".config")
    if is_config:
        return ("agents", agent, "hostConfigDir")
    return ("workspace", "mounts", mount.name, "hostPath")
