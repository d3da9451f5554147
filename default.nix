# For those without flakes: `nix-build` gives forage-gen. The NixOS module is ./nixos-module.
{
  pkgs ? import <nixpkgs> { },
}:

pkgs.callPackage ./nix/package.nix { }
