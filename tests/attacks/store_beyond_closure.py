"""Read a path of the host's store that its own system does not need."""

import os

from tests.attacks.attack import CLONE_NEWNS, CLONE_NEWUSER, FACTS, broken, held, mount, syscall

FENCE = "an overlay of what is needed; layers that nobody inside can make lead elsewhere"
ONLY = ("website",)
SOURCE = "overlayfs.rst, redirect_dir"

STORE = "/nix/store"
PATH, TEXT = FACTS["store_path"], FACTS["store_text"]
name = os.path.basename(PATH)
refused: list[OSError] = []


def read(directory: str) -> None:
    for path in (directory, f"{directory}/notes"):
        try:
            with open(path) as file:
                if TEXT in file.read():
                    broken(f"{path} can be read")
        except OSError as failure:
            refused.append(failure)


def overlay(attribute: str, options: str) -> None:
    """Mount an overlay over the store in which an empty directory says that it is that path."""
    for part in ("upper", "work", f"upper/{name}", "view"):
        os.makedirs(f"/tmp/overlay/{part}", exist_ok=True)
    os.setxattr(f"/tmp/overlay/upper/{name}", attribute, f"/{name}".encode())
    layers = "upperdir=/tmp/overlay/upper,workdir=/tmp/overlay/work"
    mount("overlay", "/tmp/overlay/view", "overlay", 0, f"lowerdir={STORE},{layers},{options}")
    read(f"/tmp/overlay/view/{name}")


read(PATH)
system = next(iter(os.listdir(STORE)))
for way in (f"{STORE}/../store", f"{STORE}/{system}/..", "/proc/1/root/nix/store"):
    read(f"{way}/{name}")
try:
    if os.geteuid():
        syscall("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    overlay("user.overlay.redirect", "userxattr")
except OSError as failure:
    refused.append(failure)
try:
    overlay("trusted.overlay.redirect", "redirect_dir=on")
except OSError as failure:
    refused.append(failure)
held(refused[-1])
