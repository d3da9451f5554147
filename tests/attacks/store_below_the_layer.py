"""Write to the host's store where the sandbox's own layer has it."""

import os

from tests.attacks.attack import MS_BIND, MS_MOVE, MS_REMOUNT, broken, held, mount

FENCE = "user namespace, locked mount flags"
ONLY = ("builder",)
PREPARE = """
mkdir -p /nix/.forage/host-store
mount --bind -o ro /nix/store /nix/.forage/host-store
"""

BELOW, ELSEWHERE = "/nix/.forage/host-store", "/tmp/host-store"
os.makedirs(ELSEWHERE, exist_ok=True)


def write(directory: str) -> None:
    path = f"{directory}/planted"
    with open(path, "x"):
        os.unlink(path)
    broken(f"{directory} could be written")


def remount(directory: str) -> None:
    mount("none", directory, "none", MS_REMOUNT | MS_BIND)
    write(directory)


def bind(directory: str) -> None:
    mount(BELOW, directory, "none", MS_BIND)
    remount(directory)


def move(directory: str) -> None:
    mount(BELOW, directory, "none", MS_MOVE)
    remount(directory)


for way, where in ((write, BELOW), (remount, BELOW), (bind, ELSEWHERE), (move, ELSEWHERE)):
    try:
        way(where)
    except OSError as failure:
        refused = failure
held(refused)
