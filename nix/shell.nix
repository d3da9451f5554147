# What it takes to work on Forage: the package's own dependencies, and the tools that the
# tests and linters call.
{
  apparmor-parser,
  check-jsonschema,
  deadnix,
  dnsmasq,
  forage-gen,
  git,
  jq,
  mkShell,
  nftables,
  nginx,
  nix,
  nix-prefetch-git,
  nixfmt,
  openssl,
  pre-commit,
  python3Packages,
  ruff,
  shellcheck,
  statix,
}:

mkShell {
  inputsFrom = [ forage-gen ];

  packages = [
    apparmor-parser
    check-jsonschema
    deadnix
    dnsmasq
    git
    jq
    nftables
    nginx
    nix
    nix-prefetch-git
    nixfmt
    openssl
    pre-commit
    python3Packages.hypothesis
    python3Packages.jsonschema
    python3Packages.markdown-it-py
    python3Packages.mypy
    python3Packages.pytest
    python3Packages.pytest-xdist
    python3Packages.pyyaml
    python3Packages.syrupy
    python3Packages.types-pyyaml
    ruff
    shellcheck
    statix
  ];
}
