"""Talk to the host's systemd over D-Bus."""

import os
import subprocess

from tests.attacks.attack import broken, held

FENCE = "mount namespace"

if not os.path.exists("/run/dbus/system_bus_socket"):
    held("there is no bus")
asked = subprocess.run(["/usr/bin/hostname"], capture_output=True, text=True, check=True)
listed = subprocess.run(
    ["/usr/bin/systemctl", "list-units", "--all", "--plain", "--no-legend"],
    capture_output=True,
    text=True,
    check=False,
)
if "forage-upstream.service" in listed.stdout:
    broken("it lists the host's units")
held(f"the bus is that of {asked.stdout.strip()}")
