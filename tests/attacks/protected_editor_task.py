"""Leave a task that an editor of the host runs when it opens the folder."""

from tests.attacks.attack import plant

FENCE = "no file can be made where it would be"
SOURCE = 'Visual Studio Code, "runOn": "folderOpen"'

plant("/workspace/.vscode/tasks.json", "{}")
