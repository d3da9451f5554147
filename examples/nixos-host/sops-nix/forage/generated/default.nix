# Written by forage-gen. Do not edit: change the project and run `forage-gen build`.
{
  services.forage = {
    enable = true;
    tree = ./.;
    user = "alice";
    uid = 1000;
    gid = 100;
    externalInterface = "eth0";
    sandboxNames = [
      "website"
      "website-review"
    ];
    needs = {
      network = [ "claude" ];
      nixDaemon = [ ];
      storeClosure = [ ];
      sharedUsers = [ ];
      tokenCounts = [ "claude" ];
    };
    guests = {
      claude.modules = [ ./guests/claude.nix ];
      review.modules = [ ./guests/review.nix ];
    };
  };
}
