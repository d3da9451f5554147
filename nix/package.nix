{
  lib,
  git,
  gnupatch,
  jq,
  nix-prefetch-git,
  openssh,
  python3Packages,
  # Run those tests that need neither root nor Nix nor a host. It takes some minutes.
  withTests ? true,
}:

let
  initFile = builtins.readFile ../forage_gen/__init__.py;
  version = builtins.head (builtins.match ''.*__version__ = "([^"]+)".*'' initFile);

  sources = [
    ../LICENSE
    ../README.md
    ../forage_gen
    ../pyproject.toml
    ../templates
  ];

  # What the tests compare the sources with.
  testSources = [
    ../CONTRIBUTING.md
    ../SECURITY.md
    ../benchmarks
    ../docs
    ../examples
    ../golden
    ../nixos-module
    ../scripts
    ../tests
  ];

  testDirectories = [
    "check"
    "cli"
    "docs"
    "emit"
    "golden"
    "importer"
    "pins"
    "quote"
    "read"
    "report"
    "resolve"
    "schema"
    "values"
    "write"
  ];
in
python3Packages.buildPythonApplication {
  pname = "forage-gen";
  inherit version;
  pyproject = true;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions (sources ++ lib.optionals withTests testSources);
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

  pythonImportsCheck = [ "forage_gen" ];

  # The whole suite runs nft, systemd and containers, as root; CI does that.
  doCheck = withTests;

  nativeCheckInputs = [
    git
    gnupatch
    jq
    openssh
    python3Packages.hypothesis
    python3Packages.jsonschema
    python3Packages.markdown-it-py
    python3Packages.pytest
    python3Packages.pyyaml
    python3Packages.syrupy
  ];

  # The seed, so that a build that has passed passes again. Warnings are those of other
  # versions of the dependencies than CI has: they are no reason not to build.
  checkPhase = ''
    runHook preCheck
    python -m pytest -m "not host" -W default --hypothesis-seed=0 ${lib.concatMapStringsSep " " (name: "tests/${name}") testDirectories}
    runHook postCheck
  '';

  meta = {
    description = "Compiles sandbox templates for AI agents into NixOS, systemd-nspawn and nftables configuration";
    license = lib.licenses.mit;
    mainProgram = "forage-gen";
    platforms = lib.platforms.linux;
  };
}
