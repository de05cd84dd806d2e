# Evaluates schedules/nixos/module.nix without nixpkgs: what it uses of lib and pkgs is stood in for here. Options have their defaults, or what `given` says; an option that `given` names and the module has
# not is an error, as it is in NixOS.
{ module, given }:

let
  lib = rec {
    mkOption = option: option // { isOption = true; };
    mkEnableOption = description: mkOption { default = false; inherit description; };
    mkIf = condition: content: if condition then content else { };
    literalExpression = text: text;
    types = { package = "package"; str = "str"; attrsOf = of: "attrsOf"; listOf = of: "listOf"; enum = choices: { inherit choices; }; };
    optional = condition: value: if condition then [ value ] else [ ];
    optionalAttrs = condition: attributes: if condition then attributes else { };
    mapAttrs = builtins.mapAttrs;
    mapAttrsToList = f: attributes: map (name: f name attributes.${name}) (builtins.attrNames attributes);
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = f: attributes: builtins.listToAttrs (mapAttrsToList f attributes);
    concatStringsSep = builtins.concatStringsSep;
    concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
    escapeShellArg = text: "'${text}'";
    unique = builtins.foldl' (seen: item: if builtins.elem item seen then seen else seen ++ [ item ]) [ ];
    subtractLists = remove: builtins.filter (item: !builtins.elem item remove);
    recursiveUpdate = old: new: old // builtins.mapAttrs (name: value: if builtins.isAttrs value && builtins.isAttrs (old.${name} or null) then recursiveUpdate old.${name} value else value) new;
  };

  pkgs = {
    formats.toml = _: { type = "toml"; generate = name: value: "/store/${name}=${builtins.toJSON value}"; };
    runCommand = name: environment: script: "/store/${name}{${script}}";
    writeShellScriptBin = name: script: "/store/bin-${name}{${script}}";
    callPackage = file: arguments: "/store/built-from-${baseNameOf file}";
    tzdata = "/store/tzdata";
    coreutils = "/store/coreutils";
  };

  config = {
    time.timeZone = "Europe/Berlin";
    systemd.package = "/store/systemd";
    services.postgresql = { enable = true; package = "/store/postgresql"; };
    services.matrix-backup = values;
  };

  evaluated = import module { inherit config lib pkgs; };
  options = evaluated.options.services.matrix-backup;
  unknown = builtins.filter (name: !options ? ${name}) (builtins.attrNames given);
  values = if unknown != [ ] then throw "there is no option ${toString unknown}" else builtins.mapAttrs (name: option: given.${name} or option.default) options;
in
evaluated.config // { failed = map (each: each.message) (builtins.filter (each: !each.assertion) (evaluated.config.assertions or [ ])); }
