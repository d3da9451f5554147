{
  description = "A NixOS host with sandboxes for AI agents";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    forage = {
      url = "github:example/forage";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, forage, ... }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
    in
    {
      nixosConfigurations.laptop = nixpkgs.lib.nixosSystem {
        modules = [
          forage.nixosModules.default
          # `nix run github:example/forage -- build forage` writes it.
          ./forage/generated
          ./configuration.nix
        ];
      };

      # `nix flake check` fails while the tree is not what a build would write.
      checks.${system}.forage = forage.lib.driftCheck pkgs { src = ./forage; };
    };
}
