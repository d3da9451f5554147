{
  description = "A host with sandboxes for AI agents";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    forage = {
      url = "github:example/forage";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    sops-nix = {
      url = "github:Mic92/sops-nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      nixpkgs,
      forage,
      sops-nix,
      ...
    }:
    {
      nixosConfigurations.laptop = nixpkgs.lib.nixosSystem {
        modules = [
          forage.nixosModules.default
          sops-nix.nixosModules.sops
          ./forage/generated
          ./configuration.nix
          ./keys.nix
        ];
      };
    };
}
