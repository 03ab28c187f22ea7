/** Prefix of the trace frame that tells that an error came from the facts of an image, not from the image. */
export const factsContext = 'proxnix facts of ';

/**
 * Nix text: bindings of a `let` that define `factsOf`, from the `config` of NixOS to its facts, each `null` where it is not
 * known, and computed to its end when its attribute is. They read options that the image needs anyway, of NixOS 18.03 to 26.11, and need `text` in scope.
 *
 * `known` catches `throw` and `assert`; a type error, `abort` and endless recursion are not caught by any means of Nix, so
 * nothing is used before its type was looked at. A list that is longer than its limit is not known. A text of more than
 * 200 bytes is told as its digest, because one that is cut in the middle of a character is no JSON.
 */
export const factsBindings = `
  known = value: let tried = builtins.tryEval (builtins.deepSeq value value); in if tried.success then tried.value else null;
  a = is: value: if is value then value else throw "another type";
  set = a builtins.isAttrs;
  list = a builtins.isList;
  bool = a builtins.isBool;
  int = a builtins.isInt;
  most = limit: values: if builtins.length (list values) <= limit then values else throw "too many";
  digest = value: builtins.substring 0 12 (builtins.hashString "sha256" value);
  short = value: if builtins.isString value then shortName (text value) else throw "another type";
  # Names of attributes depend on nothing.
  shortName = name:
    if builtins.stringLength name <= 200 then name
    else "\${digest name} (\${toString (builtins.stringLength name)} bytes)";
  distinct = names: builtins.attrNames (builtins.listToAttrs (map (name: { inherit name; value = null; }) names));
  namesOf = limit: values: most limit (map shortName (builtins.attrNames (set values)));

  usersOf = c:
    let
      users = set (c.users.users or null);
      wheelMembers = list (c.users.groups.wheel.members or [ ]);
      isPassword = value: value != null && !(builtins.isString value && builtins.elem (builtins.substring 0 1 value) [ "!" "*" ]);
      describe = attribute:
        let
          user = set users.\${attribute};
          name = short (user.name or attribute);
          groups = list (user.extraGroups or [ ]);
          keys = map keyOf (most 50 (user.openssh.authorizedKeys.keys or [ ]));
          keyFiles = map fileOf (most 50 (user.openssh.authorizedKeys.keyFiles or [ ]));
          wheel = builtins.elem "wheel" groups || (user.group or null) == "wheel" || builtins.elem name wheelMembers;
        in
        {
          inherit name keys keyFiles wheel;
          password =
            isPassword (user.hashedPassword or null) || isPassword (user.hashedPasswordFile or user.passwordFile or null)
            || isPassword (user.initialPassword or null) || isPassword (user.initialHashedPassword or null)
            || isPassword (user.password or null);
          person = (user.isNormalUser or false) == true || (user.uid or null) == 0;
        };
      matters = user: user.person || user.wheel || user.password || user.keys != [ ] || user.keyFiles != [ ];
    in
    most 200 (builtins.filter matters (map describe (builtins.attrNames users)));
  keyOf = value:
    let
      line = text (a builtins.isString value);
      words = builtins.filter (word: builtins.isString word && word != "") (builtins.split "[ \\t\\n]+" line);
      last = builtins.elemAt words (builtins.length words - 1);
      length = builtins.stringLength last;
      isBare = builtins.substring 0 4 last == "AAAA";
    in
    {
      name = if words == [ ] then "" else if isBare then "...\${builtins.substring (length - 8) 8 last}" else short last;
      digest = digest line;
    };
  fileOf = file:
    if builtins.pathExists file then builtins.substring 0 12 (builtins.hashFile "sha256" file) else "missing";

  firewallOf = c:
    let
      firewall = set (c.networking.firewall or null);
      interfaces = set (firewall.interfaces or { });
      port = protocol: on: number: on // { inherit protocol; from = int number; to = number; };
      range = protocol: on: ports: on // { inherit protocol; from = int (ports.from or null); to = int (ports.to or null); };
      open = on: rules:
        map (port "tcp" on) (list (rules.allowedTCPPorts or [ ])) ++ map (range "tcp" on) (list (rules.allowedTCPPortRanges or [ ]))
        ++ map (port "udp" on) (list (rules.allowedUDPPorts or [ ])) ++ map (range "udp" on) (list (rules.allowedUDPPortRanges or [ ]));
      onInterface = name: open { on = shortName name; } (set interfaces.\${name});
    in
    {
      on = bool (firewall.enable or null);
      ports = most 1000 (open { } firewall ++ builtins.concatLists (map onInterface (builtins.attrNames interfaces)));
      trusted = most 50 (builtins.filter (name: name != "lo") (map short (list (firewall.trustedInterfaces or [ ]))));
    };

  mountsOf = c:
    let
      systems = set (c.fileSystems or null);
      describe = attribute:
        let
          one = set systems.\${attribute};
          device = one.device or null;
          label = one.label or null;
        in
        {
          at = short (one.mountPoint or attribute);
          type = short (one.fsType or "auto");
          device =
            if builtins.isString device then short device
            else if builtins.isString label then short "label \${label}"
            else "";
        };
    in
    most 200 (map describe (builtins.attrNames systems));

  hostsOf = c:
    let services = set (c.services or null); in
    if (services.nginx.enable or false) == true then namesOf 500 (services.nginx.virtualHosts or { }) else [ ];

  isStarted = unit:
    builtins.isAttrs unit && (unit.enable or true) == true
    && (list (unit.wantedBy or [ ]) != [ ] || list (unit.requiredBy or [ ]) != [ ]);
  started = units: builtins.filter (name: isStarted units.\${name}) (builtins.attrNames units);
  startedOf = limit: units: most limit (map shortName (started (set units)));
  servicesOf = c:
    let
      units = set (c.systemd.services or null);
      describe = name:
        let config = units.\${name}.serviceConfig or { }; user = config.User or null; in
        {
          name = shortName name;
          user =
            if builtins.isString user then short user
            else if builtins.elem (config.DynamicUser or false) [ true "yes" "true" ] then "a user of its own"
            else "root";
        };
    in
    most 500 (map describe (started units));
  servicePackagesOf = c:
    let
      units = set (c.systemd.services or null);
      texts = value:
        if builtins.isString value then [ value ]
        else if builtins.isList value then builtins.filter builtins.isString value
        else [ ];
      commands = unit:
        texts (unit.serviceConfig.ExecStart or null) ++ texts (unit.serviceConfig.ExecStartPre or null) ++ texts (unit.script or null);
      paths = name: builtins.concatLists (map (command: builtins.attrNames (builtins.getContext command)) (commands units.\${name}));
      # /nix/store/, 32 characters and a hyphen; a source has another end.
      length = path: builtins.stringLength path - 48;
      isDerivation = path: length path > 0 && builtins.substring (44 + length path) 4 path == ".drv";
      nameIn = path: shortName (builtins.substring 44 (length path) path);
    in
    most 1000 (distinct (map nameIn (builtins.filter isDerivation (builtins.concatLists (map paths (started units))))));

  packagesOf = c:
    let isNamed = package: builtins.isAttrs package && builtins.isString (package.name or null); in
    most 2000 (distinct (map (package: short package.name) (builtins.filter isNamed (list (c.environment.systemPackages or null)))));
  kernelOf = c:
    if (c.boot.isContainer or false) == true then "" else short (c.boot.kernelPackages.kernel.version or null);

  factsOf = c: {
    users = known (usersOf c);
    firewall = known (firewallOf c);
    mounts = known (mountsOf c);
    hosts = known (hostsOf c);
    services = known (servicesOf c);
    timers = known (startedOf 300 (c.systemd.timers or null));
    sockets = known (startedOf 300 (c.systemd.sockets or null));
    release = known (short (c.system.nixos.release or c.system.nixosRelease or null));
    kernel = known (kernelOf c);
    packages = known (packagesOf c);
    servicePackages = known (servicePackagesOf c);
  };`;
