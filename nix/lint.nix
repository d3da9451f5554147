# Style and types of everything that is written by hand, as a derivation that builds if there
# is no finding. It is the development shell with something to do.
{
  forage-shell,
  lib,
}:

forage-shell.overrideAttrs (_: {
  name = "forage-lint";
  src = lib.cleanSource ../.;
  phases = [
    "unpackPhase"
    "buildPhase"
  ];
  # scripts/lint asks git for the files, and Nix to parse some: neither has its own place here.
  buildPhase = ''
    export HOME=$TMPDIR
    export NIX_REMOTE=dummy://
    git init --quiet
    git add --all
    bash scripts/lint
    statix check .
    deadnix --fail .
    git ls-files -z -- '*.nix' | xargs -0 nixfmt --check
    touch $out
  '';
})
