{
  lib,
  nix-prefetch-git,
  python3Packages,
}:

let
  initFile = builtins.readFile ../forage_gen/__init__.py;
  version = builtins.head (builtins.match ''.*__version__ = "([^"]+)".*'' initFile);
in
python3Packages.buildPythonApplication {
  pname = "forage-gen";
  inherit version;
  pyproject = true;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../LICENSE
      ../README.md
      ../forage_gen
      ../pyproject.toml
      ../templates
    ];
  };

  build-system = [ python3Packages.hatchling ];

  dependencies = [
    python3Packages.idna
    python3Packages.jinja2
    python3Packages.plumbum
    python3Packages.pydantic
    python3Packages.tree-sitter
    python3Packages.tree-sitter-grammars.tree-sitter-json
    python3Packages.tree-sitter-grammars.tree-sitter-toml
  ];

  # nixpkgs builds the grammars from tree-sitter's own sources, under versions that do not
  # follow PyPI's.
  pythonRelaxDeps = [
    "tree-sitter-json"
    "tree-sitter-toml"
  ];

  # `forage-gen lock` calls it. nix-prefetch-url is wherever Nix is.
  makeWrapperArgs = [
    "--suffix"
    "PATH"
    ":"
    (lib.makeBinPath [ nix-prefetch-git ])
  ];

  # The test suite runs nft, systemd and containers, as root; CI does that. What is checked
  # here is that the package is whole.
  pythonImportsCheck = [ "forage_gen" ];

  meta = {
    description = "Compiles sandbox templates for AI agents into NixOS, systemd-nspawn and nftables configuration";
    license = lib.licenses.mit;
    mainProgram = "forage-gen";
    platforms = lib.platforms.linux;
  };
}
