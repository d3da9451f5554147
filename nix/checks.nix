# What `nix flake check` builds.
{
  driftCheck,
  forage-gen,
  forage-shell,
  lib,
  nixosSystem,
  pkgs,
}:

let
  host = nixosSystem {
    modules = [
      ../nixos-module
      ../golden/demo
      ../tests/nixos/host.nix
      { nixpkgs.hostPlatform = pkgs.stdenv.hostPlatform.system; }
    ];
  };
in
{
  # The package is built with its tests.
  tests = forage-gen;

  lint = pkgs.callPackage ./lint.nix { inherit forage-shell; };

  drift-demo = driftCheck pkgs {
    src = ../examples/demo;
    tree = ../golden/demo;
  };
  drift-sops-nix = driftCheck pkgs { src = ../examples/nixos-host/sops-nix/forage; };
  drift-agenix = driftCheck pkgs { src = ../examples/nixos-host/agenix/forage; };

  # That a host with the example's tree evaluates. Building it would build what its agents are.
  example-host = pkgs.writeText "forage-example-host" (
    builtins.unsafeDiscardStringContext host.config.system.build.toplevel.drvPath
  );
}
# Part of every nixpkgs; but an evaluation may have less.
// lib.optionalAttrs (pkgs ? testers.runNixOSTest) {
  vm = pkgs.testers.runNixOSTest ./vm-test.nix;
}
