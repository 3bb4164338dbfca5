import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig, type LoadedConfig } from "../../agent/config/load.ts";
import { OPTIONS } from "../../agent/config/options.ts";

const BASE = { node: { name: "node-1" }, discovery: { kind: "static", file: "mesh.json" } };

function load({
  file,
  env = {},
  argv = [],
}: {
  file?: unknown;
  env?: Record<string, string>;
  argv?: string[];
}): LoadedConfig {
  const text = typeof file === "string" ? file : JSON.stringify(file ?? BASE);
  return loadConfig({
    argv: ["--config", "internode.json", ...argv],
    env,
    readFile: (path) => {
      if (path !== "internode.json") throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return text;
    },
  });
}

function faultsOf(load: () => unknown): string[] {
  try {
    load();
  } catch (err) {
    if (err instanceof ConfigError)
      return err.errors.map((f) => `${f.option ?? ""} | ${f.origin} | ${f.problem} | ${f.cure}`);
    throw err;
  }
  throw new Error("the configuration was accepted");
}

describe("precedence", () => {
  test("a flag overrides the environment, which overrides the file, which overrides the default", () => {
    const file = { ...BASE, icmp: { intervalMs: 2_000, timeoutMs: 500, sizeBytes: 100 } };
    const env = { INTERNODE_ICMP_INTERVAL_MS: "3000", INTERNODE_ICMP_TIMEOUT_MS: "600" };
    const { config, origins } = load({ file, env, argv: ["--icmp-interval-ms", "4000"] });
    expect(config.icmp).toEqual({ networks: ["pod", "node"], intervalMs: 4_000, timeoutMs: 600, sizeBytes: 100 });
    expect(origins.get("icmp.intervalMs")).toBe("flag --icmp-interval-ms");
    expect(origins.get("icmp.timeoutMs")).toBe("environment INTERNODE_ICMP_TIMEOUT_MS");
    expect(origins.get("icmp.sizeBytes")).toBe("file internode.json");
    expect(origins.get("icmp.networks")).toBe("default");
  });

  test("the downward API's plain names fill in only what nothing else says", () => {
    const env = { NODE_NAME: "from-downward", POD_IPS: "10.0.0.5,fd00::5", HOST_IPS: "192.168.0.5" };
    const { config, origins } = loadConfig({
      argv: ["--discovery-kind=static", "--discovery-file=x"],
      env,
      readFile: () => "",
    });
    expect(config.node).toEqual({
      name: "from-downward",
      zone: "",
      podAddresses: ["10.0.0.5", "fd00::5"],
      nodeAddresses: ["192.168.0.5"],
    });
    expect(origins.get("node.name")).toBe("environment NODE_NAME");
    expect(load({ env }).config.node.name).toBe("node-1");
  });

  test("the pod's namespace is that of discovery unless another is named, and is no matter in a static mesh", () => {
    const argv = ["--node-name=n", "--discovery-kind=kubernetes", "--discovery-service=internode"];
    const env = { POD_NAMESPACE: "monitoring" };
    const none = () => "";
    expect(loadConfig({ argv, env, readFile: none }).config.discovery).toMatchObject({ namespace: "monitoring" });
    expect(
      loadConfig({ argv: [...argv, "--discovery-namespace=other"], env, readFile: none }).config.discovery,
    ).toMatchObject({ namespace: "other" });
    expect(load({ env }).config.discovery).toEqual({ kind: "static", file: "mesh.json", allowLoopback: false });
  });

  test("the file is named by --config, else by INTERNODE_CONFIG", () => {
    const readFile = (path: string) => JSON.stringify({ ...BASE, node: { name: path.replace("/", "") } });
    expect(loadConfig({ argv: [], env: { INTERNODE_CONFIG: "a" }, readFile }).config.node.name).toBe("a");
    expect(loadConfig({ argv: ["--config=b"], env: { INTERNODE_CONFIG: "a" }, readFile }).config.node.name).toBe("b");
  });

  test("whoever names another kind of discovery begins it afresh", () => {
    const file = { ...BASE, discovery: { kind: "kubernetes", namespace: "monitoring", service: "internode" } };
    const { config } = load({ file, argv: ["--discovery-kind=static", "--discovery-file=mesh.json"] });
    expect(config.discovery).toEqual({ kind: "static", file: "mesh.json", allowLoopback: false });
  });
});

describe("text values", () => {
  test.each([
    ["INTERNODE_TCP_NETWORKS", "pod,node", "tcp", { networks: ["pod", "node"] }],
    ["INTERNODE_TCP_NETWORKS", "", "tcp", { networks: [] }],
    ["INTERNODE_FAMILIES", "primary", "families", "primary"],
    ["INTERNODE_FAMILIES", "ipv6, ipv4", "families", ["ipv6", "ipv4"]],
    ["INTERNODE_DNS_ENABLED", "false", "dns", { enabled: false }],
    [
      "INTERNODE_DNS_SERVERS",
      '[{"label":"cluster","address":"10.96.0.10"}]',
      "dns",
      { servers: [{ label: "cluster", address: "10.96.0.10" }] },
    ],
    ["INTERNODE_LISTEN", "10.0.0.1,::1", "listen", ["10.0.0.1", "::1"]],
    ["INTERNODE_LOG_LEVEL", "debug", "logLevel", "debug"],
  ] as const)("%s=%s is read", (name, text, key, expected) => {
    expect(load({ env: { [name]: text } }).config).toMatchObject({ [key]: expected });
  });

  test("a boolean flag alone means true, and takes true or false as its value", () => {
    const isProbed = (...argv: string[]) => load({ argv }).config.dns.enabled;
    expect(isProbed("--dns-enabled")).toBe(true);
    expect(isProbed("--dns-enabled=false")).toBe(false);
    expect(isProbed("--dns-enabled", "false")).toBe(false);
    expect(isProbed("--dns-enabled", "--log-level", "warn")).toBe(true);
  });

  test("every option can be said in the environment and as a flag by a name of its own", () => {
    expect(new Set(OPTIONS.map((o) => o.environment)).size).toBe(OPTIONS.length);
    expect(new Set(OPTIONS.map((o) => o.flag)).size).toBe(OPTIONS.length);
    expect(OPTIONS.find((o) => o.path === "icmp.intervalMs")).toMatchObject({
      flag: "--icmp-interval-ms",
      environment: "INTERNODE_ICMP_INTERVAL_MS",
    });
    expect(OPTIONS.filter((o) => o.description === "").map((o) => o.path)).toEqual([]);
  });
});

describe("unknown names", () => {
  test.each([
    [{ argv: ["--icmp-intervl-ms", "5"] }, "flag --icmp-intervl-ms", "Did you mean '--icmp-interval-ms'?"],
    [{ argv: ["--confg=x"] }, "flag --confg", "Did you mean '--config'?"],
    [
      { env: { INTERNODE_ICMP_SIZE: "64" } },
      "environment INTERNODE_ICMP_SIZE",
      "Did you mean 'INTERNODE_ICMP_SIZE_BYTES'?",
    ],
    [
      { env: { INTERNODE_ICMP_INTERVALMS: "64" } },
      "environment INTERNODE_ICMP_INTERVALMS",
      "Did you mean 'INTERNODE_ICMP_INTERVAL_MS'?",
    ],
    [{ file: { ...BASE, icmp: { interval: 5 } } }, "icmp.interval", "Did you mean 'icmp.intervalMs'?"],
    [{ file: { ...BASE, icmp: { interval_ms: 5 } } }, "icmp.interval_ms", "Did you mean 'icmp.intervalMs'?"],
    [{ file: { ...BASE, peer: {} } }, "peer", "Did you mean 'peers'?"],
    [{ file: { ...BASE, zzzzzz: {} } }, "zzzzzz", "docs/configuration.md lists all options"],
    [{ argv: ["stray"] }, "argument 'stray'", "Remove it"],
  ])("%j is refused, and the near name offered", (sources, who, cure) => {
    const faults = faultsOf(() => load(sources));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(who);
    expect(faults[0]).toContain(cure);
  });

  test("what Kubernetes puts into a pod for a Service named internode is no fault", () => {
    const env = {
      INTERNODE_SERVICE_HOST: "10.96.0.7",
      INTERNODE_SERVICE_PORT: "9843",
      INTERNODE_SERVICE_PORT_METRICS: "9843",
      INTERNODE_PORT: "tcp://10.96.0.7:9843",
      INTERNODE_PORT_9843_TCP: "tcp://10.96.0.7:9843",
      INTERNODE_PORT_9843_TCP_ADDR: "10.96.0.7",
      INTERNODE_WEB_SERVICE_HOST: "10.96.0.8",
    };
    expect(load({ env }).config.ports.metrics).toBe(9_843);
  });

  test("keys that JavaScript treats specially are unknown like any other", () => {
    const faults = faultsOf(() =>
      load({
        file: '{"node":{"name":"n"},"discovery":{"kind":"static","file":"f"},"__proto__":{"x":1},"constructor":1,"icmp":{"__proto__":{"intervalMs":1}}}',
      }),
    );
    expect(faults.map((f) => f.split(" | ")[0])).toEqual(["__proto__", "constructor", "icmp.__proto__"]);
  });
});

describe("wrong values", () => {
  test.each([
    [
      { icmp: { intervalMs: "soon" } },
      'icmp.intervalMs | file internode.json | is "soon" | It must be a whole number from 100 to 3600000.',
    ],
    [{ icmp: { intervalMs: 50 } }, "icmp.intervalMs | file internode.json | is 50 |"],
    [
      { udp: { sizeBytes: 64 } },
      "udp.sizeBytes | file internode.json | is 64 | It must be a whole number from 512 to 9000.",
    ],
    [{ engine: "ebpf" }, '"kernel" or "userspace"'],
    [{ families: ["ipv5"] }, '"primary", or a list of "ipv4" or "ipv6"'],
    [{ families: [] }, "at least 1"],
    [{ tcp: { networks: "pod" } }, 'is "pod" | It must be a list of "pod" or "node".'],
    [{ listen: ["eth0"] }, "a list of IP addresses"],
    [{ peers: { allowRanges: ["169.254"] } }, "a list of IP addresses or ranges such as 10.0.0.0/8"],
    [{ dns: { servers: [{ label: "mine", address: "1.2.3.4" }] } }, '"label": "cluster" or "nodelocal" or "pod"'],
    [{ dns: { names: ["kubernetes..svc"] } }, "a list, each a DNS name: parts of 1 to 63 letters"],
    [{ dns: { names: [`${"a".repeat(64)}.b`] } }, "a list, each a DNS name"],
    [{ discovery: { kind: "kubernetes", namespace: "a/b", service: "s" } }, "a name of lower-case letters, digits"],
    [{ icmp: 5 }, "must be an object, not 5"],
    [{ node: { name: "node 1" } }, "a name of letters, digits"],
    [{ discovery: { kind: "consul" } }, '"kubernetes" or "static"'],
    [
      { discovery: { kind: "static", file: "f", namespace: "n" } },
      'discovery.namespace | file internode.json | belongs to discovery of kind "kubernetes"',
    ],
    [{ discovery: { kind: "kubernetes", namespace: "n" } }, "discovery.service | not set | is needed"],
  ])("%j is refused once, with what is allowed", (change, expected) => {
    const faults = faultsOf(() => load({ file: { ...BASE, ...change } }));
    expect(faults.join("\n")).toContain(expected);
    expect(faults).toHaveLength(1);
  });

  test("a missing node name says how a pod gets it", () => {
    const [fault] = faultsOf(() => load({ file: { discovery: BASE.discovery } }));
    expect(fault).toContain("fieldPath: spec.nodeName");
  });

  test("a file that cannot be read, is not JSON or is no object is one fault that names it", () => {
    expect(
      faultsOf(() =>
        loadConfig({
          argv: ["--config=gone.json", "--node-name=n", "--discovery-kind=static", "--discovery-file=f"],
          env: {},
          readFile: () => {
            throw new Error("ENOENT");
          },
        }),
      ),
    ).toEqual([expect.stringContaining("file gone.json | cannot be read: ENOENT")]);
    const argv = ["--node-name=n", "--discovery-kind=static", "--discovery-file=f"];
    expect(faultsOf(() => load({ file: "{ icmp: 1 }", argv }))).toEqual([expect.stringContaining("is not JSON")]);
    expect(faultsOf(() => load({ file: "[]", argv }))).toEqual([expect.stringContaining("must be an object, not []")]);
  });

  test("a file with a byte order mark is read, and one in UTF-16 is refused with the cure", () => {
    const text = JSON.stringify(BASE);
    expect(load({ file: `\u{feff}${text}` }).config.node.name).toBe("node-1");
    const readFile = () => Buffer.from(`\u{feff}${text}`, "utf16le");
    const argv = ["--config=f", "--node-name=n", "--discovery-kind=static", "--discovery-file=f"];
    expect(faultsOf(() => loadConfig({ argv, env: {}, readFile }))).toEqual([
      expect.stringContaining("it is UTF-16; save it as UTF-8"),
    ]);
  });

  test.each([
    ["is not there", () => Buffer.from(JSON.stringify(BASE)), "/nowhere/key", "ENOENT"],
    ["is empty", () => Buffer.from(""), "key", "key is empty"],
    ["has only white space", () => Buffer.from(" \r\n\n"), "key", "key is empty"],
  ])("a UDP key file that %s is refused: authentication by nothing is none", (_, content, path, expected) => {
    const readFile = (name: string) => (name === "key" ? content() : readFileSync(name));
    const argv = ["--node-name=n", "--discovery-kind=static", "--discovery-file=f", `--udp-key-file=${path}`];
    const faults = faultsOf(() => loadConfig({ argv, env: {}, readFile }));
    expect(faults).toEqual([expect.stringContaining("udp.keyFile | flag --udp-key-file | holds no key")]);
    expect(faults[0]).toContain(expected);
  });

  test("flags without a value or given twice are refused", () => {
    expect(faultsOf(() => load({ argv: ["--icmp-interval-ms"] }))[0]).toContain("has no value");
    expect(faultsOf(() => load({ argv: ["--icmp-interval-ms", "--log-level=warn"] }))[0]).toContain("has no value");
    expect(faultsOf(() => load({ argv: ["--log-level=warn", "--log-level=info"] }))[0]).toContain("more than once");
  });

  test("all faults are reported at once, contradictions among what is right included", () => {
    const file = {
      node: {},
      discovery: { kind: "statik" },
      icmp: { intervl: 3 },
      tcp: { timeoutMs: 6_000 },
      udp: { sizeBytes: 1, timeoutMs: 5_000 },
    };
    const faults = faultsOf(() => load({ file, env: { INTERNODE_NOPE: "1" }, argv: ["--ports-http=9843", "--nope"] }));
    expect(new Set(faults.map((f) => f.split(" | ")[0] || f.split(" | ")[1]))).toEqual(
      new Set([
        "environment INTERNODE_NOPE",
        "flag --nope",
        "icmp.intervl",
        "node.name",
        "discovery.kind",
        "udp.sizeBytes",
        "tcp.timeoutMs",
        "udp.timeoutMs",
        "ports.http",
      ]),
    );
    expect(faults).toHaveLength(9);
  });

  test("the error's text has a line for each fault, with its origin", () => {
    expect(() => load({ argv: ["--icmp-timeout-ms=1500", "--nope=1"] })).toThrow(
      [
        "the configuration has 2 errors:",
        "  - flag --nope: there is no such option. Remove it; docs/configuration.md lists all options.",
        "  - icmp.timeoutMs (flag --icmp-timeout-ms): is 1500, not less than icmp.intervalMs, which is 1000: a second probe would start before the first has ended. Set icmp.timeoutMs to at most 999, or raise icmp.intervalMs.",
      ].join("\n"),
    );
  });
});

describe("contradictions", () => {
  test.each([
    [{ icmp: { intervalMs: 500 } }, "icmp.timeoutMs | default | is 800, not less than icmp.intervalMs, which is 500"],
    [{ dns: { timeoutMs: 10_000 } }, "dns.timeoutMs"],
    [{ ports: { probe: 8_843 } }, "the same as ports.probe"],
    [
      { peers: { fullMeshLimit: 20 } },
      "peers.sampleSize | default | is 24, not less than peers.fullMeshLimit, which is 20",
    ],
    [{ tcp: { networks: ["pod", "pod"] } }, 'names "pod" twice'],
    [{ families: ["ipv4", "ipv4"] }, 'names "ipv4" twice'],
    [{ listen: ["fd00::1", "FD00:0::1"] }, 'names "fd00::1" twice'],
    [{ listen: ["224.0.0.1"] }, "names 224.0.0.1, which is no machine's own address"],
    [{ listen: ["::ffff:127.0.0.1"] }, "no machine's own address"],
    [{ dns: { servers: [{ label: "pod", address: "fe80::1" }] } }, "names fe80::1, which is no machine's own address"],
    [{ listen: ["0.0.0.0", "127.0.0.1"] }, "names 0.0.0.0, which is every IPv4 address, and 127.0.0.1 besides"],
    [{ listen: ["fd00::1", "::"] }, "names ::, which is every IPv6 address, and fd00::1 besides"],
    [{ peers: { allowRanges: ["10.0.0.0/8"] } }, "not inside one of the ranges that can be allowed"],
    [{ peers: { allowRanges: ["127.0.0.1"] } }, "which is loopback and is never probed"],
    [{ peers: { allowRanges: ["169.254.1.1", "169.254.1.1"] } }, 'names "169.254.1.1" twice'],
    [{ icmp: { networks: [] }, tcp: { networks: [] }, udp: { networks: [] } }, "no peer would be measured"],
    [{ dns: { names: [] } }, "dns.names"],
    [{ servicePath: { timeoutMs: 5_000 } }, "servicePath.timeoutMs"],
    [{ servicePath: { hosts: ["10.96.0.7", "10.96.0.7"] } }, 'names "10.96.0.7" twice'],
    [{ servicePath: { hosts: ["ff02::1"] } }, "names ff02::1, which is no machine's own address"],
    [
      { servicePath: { enabled: false, apiServer: true } },
      "servicePath.apiServer | file internode.json | is true although servicePath.enabled is false",
    ],
    [{ engine: "userspace", pathMtu: { enabled: true } }, "cannot forbid fragmentation"],
  ])("%j is refused", (change, expected) => {
    const faults = faultsOf(() => load({ file: { ...BASE, ...change } }));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(expected);
  });

  test.each([
    [{ dns: { enabled: false, names: [] } }],
    [{ listen: ["0.0.0.0", "::"] }],
    [{ dns: { names: ["_dns._udp.example.org.", "a"], servers: [{ label: "pod", address: "169.254.169.254" }] } }],
    [{ engine: "userspace" }],
    [{ icmp: { networks: [] } }],
    [{ peers: { fullMeshLimit: 20, sampleSize: 19 } }],
    [{ servicePath: { hosts: ["internode-agents.net.svc", "fd00:96::7"], apiServer: true } }],
  ])("%j is not refused", (change) => {
    expect(load({ file: { ...BASE, ...change } }).config).toMatchObject(change);
  });
});
