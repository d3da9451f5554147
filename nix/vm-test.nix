# A NixOS host with one sandbox of each network mode, booted, and what an agent tries inside.
# A module of the NixOS test framework: it takes a machine that runs virtual machines.
{ lib, ... }:

let
  # The attacks of the test suite, for the test's own interpreter to read.
  attacks = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../tests/__init__.py
      ../tests/attacks
    ];
  };
in
{
  name = "forage";

  nodes = {
    machine =
      { pkgs, ... }:
      {
        imports = [ ../nixos-module ];

        virtualisation = {
          memorySize = 3072;
          diskSize = 4096;
          # A sandbox sees the store through an id-mapped mount, which ext4 and erofs can do. The
          # store of a test is else 9p below an overlay, which cannot.
          useNixStoreImage = true;
          writableStore = false;
        };

        networking = {
          useDHCP = false;
          nameservers = [ "198.18.0.1" ];
          # Of no network that counts as private: a public name may not lead to one.
          interfaces.eth1.ipv4.addresses = [
            {
              address = "198.18.0.10";
              prefixLength = 24;
            }
            {
              address = "192.168.77.10";
              prefixLength = 24;
            }
          ];
          firewall.allowedTCPPorts = [ 80 ];
        };

        # A service of the host that is open to others, and to no sandbox.
        services.nginx = {
          enable = true;
          virtualHosts.default.locations."/".return = "200 host";
        };

        environment.systemPackages = [ pkgs.git ];

        users.users.alice = {
          isNormalUser = true;
          uid = 1000;
        };

        systemd.tmpfiles.rules = [
          "d /home/alice/none 0755 alice users"
          "d /home/alice/restricted 0755 alice users"
          "d /home/alice/full 0755 alice users"
        ];

        services.forage = {
          enable = true;
          user = "alice";
          externalInterface = "eth1";

          templates = {
            base = {
              nixDaemon = false;
              extraPackages = [
                pkgs.curl
                pkgs.git
                pkgs.libcap
                pkgs.python3
              ];
              # As in the sandboxes that the test suite attacks.
              protectedPaths = [
                "@version-control"
                "@direnv"
                "@editors"
                "@agents"
              ];
              resourceLimits.memoryMax = "512M";
            };
            none = {
              extends = "base";
              network = "none";
            };
            restricted = {
              extends = "base";
              network = "restricted";
              allowedHosts = [ "allowed.test" ];
            };
            full = {
              extends = "base";
              network = "full";
            };
          };

          sandboxes = {
            none = {
              template = "none";
              workspace = "/home/alice/none";
            };
            restricted = {
              template = "restricted";
              workspace = "/home/alice/restricted";
            };
            full = {
              template = "full";
              workspace = "/home/alice/full";
            };
          };
        };
      };

    # The internet: a name server, and a web server with two addresses; and one that is private.
    outside = {
      networking = {
        useDHCP = false;
        firewall.enable = false;
        interfaces.eth1.ipv4.addresses = [
          {
            address = "198.18.0.1";
            prefixLength = 24;
          }
          {
            address = "198.18.0.2";
            prefixLength = 24;
          }
          {
            address = "192.168.77.20";
            prefixLength = 24;
          }
        ];
      };

      services = {
        dnsmasq = {
          enable = true;
          resolveLocalQueries = false;
          settings = {
            no-resolv = true;
            address = [
              "/allowed.test/198.18.0.1"
              "/other.test/198.18.0.2"
            ];
          };
        };
        nginx = {
          enable = true;
          virtualHosts.default = {
            default = true;
            locations."/".return = "200 outside";
          };
        };
      };
    };
  };

  testScript = ''
    import importlib
    import json
    import sys

    sys.path.insert(0, "${attacks}")
    vm = importlib.import_module("tests.attacks.vm")
    inside = vm.inside

    MODES = ["none", "restricted", "full"]


    def fetch(place):
        return f"curl --silent --fail --max-time 10 http://{place}/"


    start_all()
    outside.wait_for_unit("dnsmasq.service")
    outside.wait_for_unit("nginx.service")
    machine.wait_for_unit("multi-user.target")
    machine.wait_until_succeeds(fetch("other.test"), timeout=60)
    vm.place_marker(machine)
    for mode in MODES:
        vm.make_repository(machine, "alice", f"/home/alice/{mode}")

    for mode in MODES:
        with subtest(f"{mode} starts"):
            machine.succeed(f"systemctl start systemd-nspawn@{mode}.service")
            machine.wait_until_succeeds(
                f"systemctl --machine={mode} is-system-running | grep -qx running", timeout=120
            )

    for mode in MODES:
        with subtest(f"{mode}: the workspace is the user's own"):
            machine.succeed(inside(mode, "echo made > /workspace/made"))
            owner = machine.succeed(f"stat --format %U /home/alice/{mode}/made")
            assert owner.strip() == "alice", owner

        with subtest(f"{mode}: nobody writes to the store, and root cannot remount it"):
            machine.succeed(inside(mode, "test -d /nix/store && command -v mount", user="root"))
            machine.fail(inside(mode, "touch /nix/store/x", user="root"))
            machine.fail(inside(mode, "mount -o remount,bind,rw /nix/store", user="root"))
            machine.fail(inside(mode, "touch /nix/store/x", user="root"))

        with subtest(f"{mode}: the host's other files are not there"):
            machine.fail(inside(mode, "test -e /home/alice", user="root"))

    with subtest("none has no link but its own"):
        links = machine.succeed(inside("none", "sed '1,2d; s/:.*//; s/ //g' /proc/net/dev"))
        assert links.split() == ["lo"], links
        machine.succeed(inside("none", "command -v curl"))
        machine.fail(inside("none", fetch("198.18.0.1")))

    with subtest("restricted reaches what is allowed, and nothing else"):
        machine.succeed(inside("restricted", fetch("allowed.test")))
        machine.fail(inside("restricted", fetch("other.test")))
        machine.succeed(inside("restricted", "getent ahosts allowed.test"))
        machine.fail(inside("restricted", "getent ahosts other.test"))
        machine.fail(inside("restricted", fetch("198.18.0.2")))

    with subtest("full reaches the internet"):
        machine.succeed(inside("full", fetch("other.test")))

    with subtest("full reaches no private address"):
        machine.succeed(fetch("192.168.77.20"))
        machine.fail(inside("full", fetch("192.168.77.20")))

    with subtest("nobody reaches the host's own services"):
        outside.succeed(fetch("198.18.0.10"))
        for mode in ["restricted", "full"]:
            for address in ["198.18.0.10", "192.168.77.10", "10.100.0.1"]:
                machine.fail(inside(mode, fetch(address)))

    with subtest("sandboxes do not reach each other"):
        serve = "systemd-run --quiet python3 -m http.server 8000"
        machine.succeed(inside("full", serve, user="root"))
        machine.wait_until_succeeds(inside("full", fetch("127.0.0.1:8000")), timeout=30)
        manifest = json.loads(machine.succeed("cat /etc/forage/tree/manifest.json"))
        neighbour = manifest["sandboxes"]["full"]["address"]
        machine.fail(inside("restricted", fetch(f"{neighbour}:8000")))

    for mode in MODES:
        with subtest(f"{mode}: the attacks end as the test suite says"):
            unexpected = list(vm.unexpected(machine, mode))
            assert not unexpected, unexpected

    for mode in MODES:
        with subtest(f"{mode}: who takes too much memory is killed, alone"):
            machine.fail(inside(mode, "python3 -c 'print(len(bytearray(900 << 20)) * b\"x\")'"))
            machine.succeed(inside(mode, "true"))

    with subtest("a reset throws away all but the workspace"):
        machine.succeed(inside("none", "touch /marker", user="root"))
        machine.succeed("systemctl restart systemd-nspawn@none.service")
        machine.wait_until_succeeds(inside("none", "true"), timeout=120)
        machine.fail(inside("none", "test -e /marker"))
        machine.succeed(inside("none", "test -e /workspace/made"))
  '';
}
