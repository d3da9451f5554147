# What it takes to work on Forage: the package's own dependencies, and the tools that the
# tests and linters call.
{
  deadnix,
  dnsmasq,
  forage-gen,
  git,
  jq,
  mkShell,
  nftables,
  nix,
  nix-prefetch-git,
  nixfmt,
  openssl,
  python3Packages,
  ruff,
  shellcheck,
  statix,
}:

mkShell {
  inputsFrom = [ forage-gen ];

  packages = [
    deadnix
    dnsmasq
    git
    jq
    nftables
    nix
    nix-prefetch-git
    nixfmt
    openssl
    python3Packages.hypothesis
    python3Packages.jsonschema
    python3Packages.mypy
    python3Packages.pytest
    python3Packages.pytest-xdist
    python3Packages.syrupy
    ruff
    shellcheck
    statix
  ];
}
