# A NixOS host as any other. Replace this by your own.
{
  boot.loader.systemd-boot.enable = true;
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
  networking.hostName = "laptop";
  nixpkgs.hostPlatform = "x86_64-linux";
  # Claude Code is not free software.
  nixpkgs.config.allowUnfree = true;
  system.stateVersion = "24.05";

  # Sandboxes reach the internet by this interface. Or name it in forage/forage.toml.
  networking.nat = {
    enable = true;
    externalInterface = "eth0";
    internalIPs = [ "10.100.0.0/16" ];
  };

  users.users.alice = {
    isNormalUser = true;
    uid = 1000;
  };
}
