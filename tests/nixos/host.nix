# The least that a NixOS host needs to be one, and the user that the trees under test name.
{
  boot.loader.grub.enable = false;
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
  system.stateVersion = "24.05";

  # Some agents are not free software.
  nixpkgs.config.allowUnfree = true;

  users.users.alice = {
    isNormalUser = true;
    uid = 1000;
  };
}
