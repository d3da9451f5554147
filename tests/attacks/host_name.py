"""Learn the host's name."""

import os

from tests.attacks.attack import FACTS, broken, held

FENCE = "uts namespace"

if os.uname().nodename == FACTS["name"]:
    broken(os.uname().nodename)
held(f"it is called {os.uname().nodename}")
