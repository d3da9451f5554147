"""Have a Nix daemon delete a path of the host's store that nothing keeps."""

import os
import subprocess

from tests.attacks.attack import FACTS, broken, held

FENCE = "a daemon inside, with a layer of its own over the store"
SOURCE = "nix-store(1), --delete"
ONLY = ("builder",)
CONTROL_USER = "alice"

delete = ("nix-store", "--delete", FACTS["garbage"])
done = subprocess.run(
    delete, env=os.environ | {"NIX_REMOTE": "daemon"}, capture_output=True, text=True, check=False
)
if not os.path.exists(FACTS["garbage"]):
    broken("it is gone")
held(done.stderr.strip().splitlines()[-1])
