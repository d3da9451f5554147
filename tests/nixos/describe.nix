# The options in `set` as names, defaults and types, as far as JSON can say them.
{ lib }:

let
  inherit (lib) elemAt;

  named = {
    str = _: "string";
    bool = _: "boolean";
    int = _: "integer";
    package = _: "package";
    nullOr = type: [
      "null or"
      (typeName type.nestedTypes.elemType)
    ];
    either = type: [
      "or"
      (typeName type.nestedTypes.left)
      (typeName type.nestedTypes.right)
    ];
    listOf = type: [
      "list of"
      (typeName type.nestedTypes.elemType)
    ];
    attrsOf = type: [
      "table of"
      (typeName type.nestedTypes.elemType)
    ];
    enum = type: [
      "one of"
      (type.functor.payload.values or type.functor.payload)
    ];
    nonEmptyStr = _: [
      "string of at least"
      1
    ];
    submodule = type: described (type.getSubOptions [ ]);
    intBetween =
      type:
      let
        bounds = builtins.match "integer between ([0-9]+) and ([0-9]+).*" type.description;
      in
      [
        "between"
        (lib.toInt (elemAt bounds 0))
        (lib.toInt (elemAt bounds 1))
      ];
  };

  # What the name of types.strMatching says besides, as a string of the Nix language.
  matching =
    name:
    let
      quoted = builtins.match "strMatching (.*)" name;
    in
    [
      "string like"
      (builtins.fromJSON (builtins.replaceStrings [ "\\$" ] [ "$" ] (elemAt quoted 0)))
    ];

  typeName =
    type:
    if lib.hasPrefix "strMatching " type.name then matching type.name else named.${type.name} type;

  described =
    set:
    lib.mapAttrs (_: option: {
      default = option.default or "none";
      type = typeName option.type;
    }) (lib.filterAttrs (name: option: name != "_module" && option.visible or true != false) set);
in
described
