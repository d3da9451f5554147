{
  description = "A NixOS host with sandboxes for AI agents, written as NixOS options";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    forage = {
      url = "github:example/forage";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, forage, ... }:
    {
      nixosConfigurations.laptop = nixpkgs.lib.nixosSystem {
        modules = [
          forage.nixosModules.default
          ./sandboxes.nix
          ./configuration.nix
        ];
      };
    };
}
