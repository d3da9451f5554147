{
  description = "A host with sandboxes for AI agents";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    forage = {
      url = "github:example/forage";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    agenix = {
      url = "github:ryantm/agenix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      nixpkgs,
      forage,
      agenix,
      ...
    }:
    {
      nixosConfigurations.laptop = nixpkgs.lib.nixosSystem {
        modules = [
          forage.nixosModules.default
          agenix.nixosModules.default
          ./forage/generated
          ./configuration.nix
          ./keys.nix
        ];
      };
    };
}
