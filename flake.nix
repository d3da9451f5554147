{
  description = "Forage: sandboxes for AI agents, compiled from templates";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      eachSystem = outputs: lib.genAttrs systems (system: outputs nixpkgs.legacyPackages.${system});

      forage-gen = pkgs: pkgs.callPackage ./nix/package.nix { };
    in
    {
      nixosModules.default = {
        imports = [ ./nixos-module ];
      };

      packages = eachSystem (pkgs: {
        default = forage-gen pkgs;
      });

      devShells = eachSystem (pkgs: {
        default = pkgs.callPackage ./nix/shell.nix { forage-gen = forage-gen pkgs; };
      });

      # `nix fmt` formats the whole tree where nixpkgs has the wrapper that can.
      formatter = eachSystem (pkgs: pkgs.nixfmt-tree or pkgs.nixfmt-rfc-style);
    };
}
