"""Where the files of a project are, relative to its directory."""

PROJECT_TOML = "forage.toml"
PROJECT_JSON = "forage.json"
TEMPLATES = "templates"
PACKAGES = "packages"
LOCK = "forage.lock"
