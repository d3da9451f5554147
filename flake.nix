{
  description = "Forage: sandboxes for AI agents, compiled from templates";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs, ... }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      eachSystem = outputs: lib.genAttrs systems (system: outputs nixpkgs.legacyPackages.${system});

      # The one of `overlays.default`, where that is in use.
      forage-gen = pkgs: pkgs.forage-gen or (pkgs.callPackage ./nix/package.nix { });
      shell = pkgs: pkgs.callPackage ./nix/shell.nix { forage-gen = forage-gen pkgs; };
    in
    {
      nixosModules.default = {
        imports = [ ./nixos-module ];
      };

      overlays.default = final: _: { forage-gen = final.callPackage ./nix/package.nix { }; };

      lib = {
        # generate pkgs { src | project; lockFile ? null; }: the tree, and with `.lock` its lock.
        generate = pkgs: pkgs.callPackage ./nix/generate.nix { forage-gen = forage-gen pkgs; };

        # driftCheck pkgs { src; tree ? src + "/generated"; }: builds only if the tree is current.
        driftCheck = pkgs: pkgs.callPackage ./nix/drift-check.nix { forage-gen = forage-gen pkgs; };
      };

      packages = eachSystem (pkgs: {
        default = forage-gen pkgs;
        docs = pkgs.callPackage ./nix/docs.nix { };
      });

      apps = eachSystem (pkgs: {
        default = {
          type = "app";
          program = lib.getExe (forage-gen pkgs);
        };
      });

      devShells = eachSystem (pkgs: {
        default = shell pkgs;
      });

      # `nix fmt` formats the whole tree where nixpkgs has the wrapper that can.
      formatter = eachSystem (pkgs: pkgs.nixfmt-tree or pkgs.nixfmt-rfc-style);

      templates = {
        default = {
          path = ./nix/templates/default;
          description = "A NixOS host that imports a checked-in tree";
          welcomeText = ''
            Edit forage/forage.toml. Then run `nix run github:example/forage -- build forage`,
            and `git add` all of it.
          '';
        };
        options = {
          path = ./nix/templates/options;
          description = "A NixOS host with its sandboxes written as NixOS options";
        };
      };

      checks = eachSystem (
        pkgs:
        import ./nix/checks.nix {
          inherit lib pkgs;
          inherit (nixpkgs.lib) nixosSystem;
          inherit (self.lib) driftCheck;
          forage-gen = forage-gen pkgs;
          forage-shell = shell pkgs;
        }
      );
    };
}
