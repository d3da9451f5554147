{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = _: {
    nixosModules.sops = ./module.nix;
  };
}
