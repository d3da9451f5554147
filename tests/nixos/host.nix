# The least that a NixOS host needs to be one, and the user that the trees under test name.
{ lib, ... }:
{
  boot.loader.grub.enable = false;
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
  system.stateVersion = "24.05";

  # Some agents are not free software.
  nixpkgs.config.allowUnfree = true;

  # The tests evaluate with a nixpkgs of any age. Nix itself is not what they look at.
  nixpkgs.overlays = [
    (final: prev: {
      nix = prev.nix // {
        version = if lib.versionOlder prev.nix.version "2.22" then "2.22.0" else prev.nix.version;
      };
    })
  ];

  users.users.alice = {
    isNormalUser = true;
    uid = 1000;
  };
}
