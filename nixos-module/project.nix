# The second way in: a project written as NixOS options. What was written is serialised, and
# forage-gen compiles it in a derivation of its own. Nothing here reads what that makes, so
# nothing has to be built while a host is evaluated.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;

  cfg = config.services.forage;
  opts = options.services.forage;

  # The priority of an option's own default (lib.modules, mkOptionDefault).
  unset = (lib.mkOptionDefault null).priority;

  # What somebody has written, and no default: those are the compiler's, and a template that
  # extends another must not take back what it does not mention. What has to be written is
  # asked for in any case, so that NixOS says that it is missing.
  written =
    declared: values:
    lib.mapAttrs (name: _: plain values.${name}) (
      lib.filterAttrs (_: option: option.highestPrio < unset || !(option ? default)) declared
    );

  plain =
    value:
    if lib.isDerivation value then
      label value
    else if lib.isAttrs value then
      value.written_ or (lib.mapAttrs (_: plain) value)
    else if lib.isList value then
      map plain value
    else
      value;

  # A package is known to the compiler by its name alone.
  label =
    package:
    let
      name = lib.getName package;
    in
    if builtins.match "[A-Za-z_][A-Za-z0-9_'-]*" name == null then builtins.toJSON name else name;

  table =
    declared:
    types.submodule (
      { options, config, ... }:
      {
        options = declared // {
          written_ = mkOption {
            type = types.raw;
            default = written (builtins.intersectAttrs declared options) config;
            readOnly = true;
            internal = true;
            visible = false;
          };
        };
      }
    );

  keys = import ./options.nix { inherit lib table; };
  project = written (builtins.intersectAttrs keys.project opts) cfg;
  isWritten = cfg.templates != { } || cfg.sandboxes != { };
  isImported = opts.tree.highestPrio < (lib.mkDefault null).priority;

  # What an imported tree says itself.
  ofTheTree = [
    "externalInterface"
    "gid"
    "ipv6Subnet"
    "uid"
    "user"
  ];
  ignored = lib.attrNames (removeAttrs project ofTheTree);

  # The host knows its users' numbers, where it does not leave them to be found at activation.
  owner = config.users.users.${cfg.user} or { };
  ownerGroup = config.users.groups.${owner.group or ""} or { };
  known = id: lib.mkIf (id != null) (lib.mkOverride (unset - 1) id);

  json = (pkgs.formats.json { }).generate "forage.json" project;

  compiled = pkgs.callPackage ../nix/generate.nix { forage-gen = cfg.package; } {
    project = json;
    inherit (cfg) lockFile;
  };

  # A template and its ancestors, the oldest first. It ends where a name leads nowhere or back,
  # which is what assertions are about.
  lineage =
    name:
    let
      above =
        seen: name:
        if lib.elem name seen || !(cfg.templates ? ${name}) then
          [ ]
        else
          let
            template = cfg.templates.${name};
          in
          lib.optionals (template.extends != null) (above (seen ++ [ name ]) template.extends)
          ++ [ template ];
    in
    above [ ] name;

  leadsBack =
    name:
    let
      from =
        seen: name:
        lib.elem name seen
        || cfg.templates ? ${name}
          && cfg.templates.${name}.extends != null
          && from (seen ++ [ name ]) cfg.templates.${name}.extends;
    in
    from [ ] name;

  # Whether a template inherits nothing at a path: it, or what it is in, is in `replaces`.
  isCut =
    template: path:
    lib.any (length: lib.elem (lib.concatStringsSep "." (lib.take length path)) template.replaces) (
      lib.range 1 (lib.length path)
    );

  # What the last template of a line says at a path, or else the default.
  last =
    path: default:
    lib.foldl' (
      held: template:
      let
        own = lib.attrByPath path null template.written_;
      in
      if own != null then
        own
      else if lib.hasAttrByPath path template.written_ || isCut template path then
        default
      else
        held
    ) default;

  # What all templates of a line say together at a path.
  all =
    path:
    lib.foldl' (
      held: template: lib.optionals (!isCut template path) held ++ lib.getAttrFromPath path template
    ) [ ];

  hasDaemon = last [ "nixDaemon" ] keys.template.nixDaemon.default;
  hasNetwork = line: last [ "network" ] keys.template.network.default line != "none";
  sharesUsers =
    line:
    !last [
      "isolation"
      "privateUsers"
    ] keys.isolation.privateUsers.default line;
  seesClosure =
    line:
    isNixOS line
    && last [
      "isolation"
      "storeClosure"
    ] keys.isolation.storeClosure.default line;
  isNixOS = line: last [ "rootfs" ] null line == null;

  programs = lib.foldl' (
    held: template:
    lib.filterAttrs (
      name: _:
      !isCut template [
        "agents"
        name
        "package"
      ]
    ) held
    // lib.mapAttrs (_: agent: agent.package) (
      lib.filterAttrs (_: agent: agent.package != null) template.agents
    )
  ) { };

  # The few keys that a guest is made of.
  guest = name: line: {
    forage.guest = {
      template = name;
      inherit (cfg) uid gid authorizedKeys;
      nixDaemon = hasDaemon line;
      init = all [ "initCommands" ] line != [ ];
      awaitLimits = !sharesUsers line;
      agents = lib.mapAttrs (_: lib.getExe) (programs line);
    };
    environment.systemPackages = all [ "extraPackages" ] line;
  };

  used = lib.filter (name: cfg.templates ? ${name}) (
    lib.unique (lib.mapAttrsToList (_: sandbox: sandbox.template) cfg.sandboxes)
  );
  usedAre = holds: lib.naturalSort (lib.filter (name: holds (lineage name)) used);
  guests = usedAre isNixOS;

  # Whether a text begins as it has to: of what may hold a key by mistake, so that NixOS's own
  # message about a type would show it.
  begins =
    form: text: builtins.match "${form.pattern}.*" (builtins.substring 0 100 text) != null;

  among =
    set: if set == { } then "There are none" else "There are ${lib.concatStringsSep ", " (lib.attrNames set)}";

  # One assertion for each of the `found`, which are messages.
  refuse = map (message: {
    assertion = false;
    inherit message;
  });

  forEach = set: find: lib.concatLists (lib.mapAttrsToList find set);

  unknownProxies =
    kind: name:
    { proxies, ... }:
    map (proxy: ''
      services.forage.${kind}.${name}.proxies has "${proxy}", and there is no
      services.forage.proxies.${proxy}. ${among cfg.proxies}.
    '') (lib.filter (proxy: !(cfg.proxies ? ${proxy})) proxies);
in
{
  options.services.forage = keys.project // {
    package = mkOption {
      type = types.package;
      # The tests are for those who build the package; no switch of a host waits for them.
      default = pkgs.callPackage ../nix/package.nix { withTests = false; };
      defaultText = lib.literalMD "the `forage-gen` of this repository";
      example = lib.literalExpression "inputs.forage.packages.x86_64-linux.default";
      description = ''
        The compiler. It runs when the host is built, and is not on the host afterwards.
      '';
    };

    lockFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = lib.literalExpression "./forage.lock";
      description = ''
        The `forage.lock` that keeps each sandbox's address and user numbers. Without one they
        follow from the sandboxes' names, and two whose names want the same may swap when
        another is added. {option}`services.forage.lock` is one to check in.
      '';
    };

    lock = mkOption {
      type = types.package;
      readOnly = true;
      default = compiled.lock;
      defaultText = lib.literalMD "what {option}`services.forage.lockFile` should hold";
      description = ''
        The file to check in and to name in {option}`services.forage.lockFile`.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    services.forage = lib.mkMerge [
      {
        uid = known (owner.uid or null);
        gid = known (ownerGroup.gid or null);
      }
      (lib.mkIf isWritten {
        tree = lib.mkDefault compiled;
        sandboxNames = lib.attrNames cfg.sandboxes;
        needs = {
          network = usedAre hasNetwork;
          nixDaemon = usedAre hasDaemon;
          sharedUsers = usedAre sharesUsers;
          storeClosure = usedAre seesClosure;
        };
        guests = lib.genAttrs guests (name: {
          modules = [ (guest name (lineage name)) ];
        });
      })
    ];

    assertions =
      refuse (
        forEach cfg.sandboxes (
          name: sandbox:
          lib.optional (!(cfg.templates ? ${sandbox.template})) ''
            services.forage.sandboxes.${name}.template is "${sandbox.template}", and there is no
            services.forage.templates.${sandbox.template}. ${among cfg.templates}.
          ''
        )
      )
      ++ refuse (
        forEach cfg.templates (
          name: template:
          lib.optional (template.extends != null && !(cfg.templates ? ${template.extends})) ''
            services.forage.templates.${name}.extends is "${template.extends}", and there is no
            services.forage.templates.${template.extends}. ${among cfg.templates}.
          ''
          ++ lib.optional (leadsBack name) ''
            services.forage.templates.${name}.extends leads back to "${name}". Remove one of the
            `extends` on the way.
          ''
          ++ forEach template.agents (
            agent:
            { permissions, secretName, ... }:
            lib.optional (permissions.skipAll && permissions.allow != [ ]) ''
              services.forage.templates.${name}.agents.${agent}.permissions has `skipAll` and
              `allow`: with the former everything is allowed. Remove one of them.
            ''
            ++ lib.optional (secretName != null && !(cfg.secrets ? ${secretName})) ''
              services.forage.templates.${name}.agents.${agent}.secretName is "${secretName}", and
              there is no services.forage.secrets.${secretName}. ${among cfg.secrets}.
            ''
          )
        )
      )
      ++ refuse (
        forEach cfg.proxies (
          name:
          { secretName, ... }:
          lib.optional (!(cfg.secrets ? ${secretName})) ''
            services.forage.proxies.${name}.secretName is "${secretName}", and there is no
            services.forage.secrets.${secretName}. ${among cfg.secrets}.
          ''
        )
      )
      ++ refuse (forEach cfg.templates (unknownProxies "templates"))
      ++ refuse (forEach cfg.sandboxes (unknownProxies "sandboxes"))
      ++ refuse (
        lib.optional (!lib.all (begins keys.forms.publicKey) cfg.authorizedKeys) ''
          services.forage.authorizedKeys has an entry that is no public key of OpenSSH. It is not
          shown here, as it may be a private one. Write the line of a .pub file, such as
          "ssh-ed25519 AAAA... alice@laptop".
        ''
      )
      ++ refuse (
        forEach cfg.secrets (
          name: path:
          lib.optional (!begins keys.forms.pathOfASecret path) ''
            services.forage.secrets.${name} is no absolute path. It is not shown here, as it may
            be a key. Name the file that a secret manager makes at run time, such as
            config.sops.secrets.${name}.path.
          ''
          ++ lib.optional (lib.hasPrefix builtins.storeDir path) ''
            services.forage.secrets.${name} is in the Nix store, where everybody on the host can
            read it. Name the file that a secret manager makes at run time, such as
            config.sops.secrets.${name}.path.
          ''
        )
      )
      ++ refuse (
        lib.optional (isImported && ignored != [ ]) ''
          A tree is imported that forage-gen has built, and it describes all sandboxes of the
          host. So this would have no effect: ${lib.concatMapStringsSep ", " (name: "services.forage.${name}") ignored}.
          Write it in the tree's own project and run `forage-gen build`, or remove the import.
        ''
      );
  };
}
