"""From models and `forage.lock` to one immutable plan."""
