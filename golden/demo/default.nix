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
      "backend"
      "research"
      "review"
      "website"
    ];
    needs = {
      network = [
        "claude"
        "research"
      ];
      nixDaemon = [ ];
      storeClosure = [ ];
      sharedUsers = [ ];
      tokenCounts = [ "claude" ];
    };
    guests = {
      claude.modules = [ ./guests/claude.nix ];
      research.modules = [ ./guests/research.nix ];
      review.modules = [ ./guests/review.nix ];
    };
  };
}
