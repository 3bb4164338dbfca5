// Traces through real kernels: near – edge – left or right – far, the edge choosing by addresses and ports. Each is a
// process of user 65532 without a capability.
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { TraceReport } from "../../agent/actions/trace/report.ts";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { udpReflector, type UdpReflector } from "../../agent/reflector/udp-reflector.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { IP_FAMILIES, type IpFamily } from "../../agent/model/peer.ts";
import { needs } from "../support/needs.ts";
import { pathsNetwork, type Paths } from "../support/paths.ts";
import type { TraceProcessOptions } from "../support/trace-process.ts";

const { describe, test } = await needs("namespaces", "traceroute");

const PORT = 7_843;
const CLOSED_PORT = 7_844;
const TRACE = fileURLToPath(new URL("../support/trace-process.ts", import.meta.url));
const UNPRIVILEGED =
  "setpriv --reuid=65532 --regid=65532 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs";
const QUICK = { count: 1, ports: 16, intervalMs: 50, maxHops: 30 };

let network: Paths;
let reflector: UdpReflector;
let answering: NodeJS.Timeout;

beforeAll(() => {
  network = pathsNetwork();
  const clock = systemClock();
  const inFar = enterNamespace(network.namespace("far"));
  reflector = udpReflector({
    kernel: openLinuxKernel(clock),
    clock,
    port: PORT,
    listen: [{ family: "ipv4" }, { family: "ipv6" }],
    incarnation: "ffeeddccbbaa9988",
    maxPacketBytes: 9_000,
    isFrom: () => true,
    nodeOf: () => undefined,
  });
  inFar[Symbol.dispose]();
  answering = setInterval(() => reflector.drain(), 2);
});
afterAll(() => {
  clearInterval(answering);
  reflector[Symbol.dispose]();
  network[Symbol.dispose]();
});
afterEach(() => {
  for (const host of ["edge", "left", "right", "far"] as const) network.nft(host, "");
});

type Traced = Pick<TraceReport, "hops" | "ends" | "refusals" | "unsent" | "sourcePorts"> & { readonly uid: number };

async function trace(options: Partial<TraceProcessOptions> & Pick<TraceProcessOptions, "family">): Promise<Traced> {
  const address = options.family === "ipv4" ? network.farIp : network.farIp6;
  const whole: TraceProcessOptions = { ...QUICK, network: "pod", to: { address, port: PORT }, ...options };
  const child = network.start("near", ...UNPRIVILEGED.split(" "), process.execPath, TRACE, JSON.stringify(whole));
  let [out, complaints] = ["", ""];
  child.stdout!.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr!.on("data", (text: Buffer) => (complaints += text.toString()));
  await once(child, "close");
  if (out === "") throw new Error(complaints);
  return JSON.parse(out) as Traced;
}

const addressesOf = ({ hops }: Traced) => hops.map(({ routers }) => routers.map(({ address }) => address).sort());

/** Both at once: they share the routers, and nothing else. */
const inBoth = (check: (family: IpFamily) => Promise<void>) => Promise.all(IP_FAMILIES.map(check));
const targetOf = (family: IpFamily) => (family === "ipv4" ? network.farIp : network.farIp6);

describe("a trace by a user without any right, by IPv4 and IPv6", () => {
  test("finds the routers that traceroute finds, within what kernels send of ICMP errors by default", async () => {
    const both = await Promise.all(
      IP_FAMILIES.map(async (family) => ({ family, traced: await trace({ family, ports: 8, intervalMs: 750 }) })),
    );
    network.liftIcmpLimits();
    for (const { family, traced } of both) {
      expect(traced.uid).toBe(65_532);
      expect(traced.hops.map(({ sent, answered }) => [sent, answered])).toEqual([
        [8, 8],
        [8, 8],
      ]);
      expect(traced.hops.every(({ routers }) => routers.every(({ rtt }) => rtt!.minNs > 0))).toBe(true);
      expect(traced.ends.every(({ sent, answered, hops }) => sent > 0 && sent === answered && hops === 3)).toBe(true);
      // It takes another port for every packet, so both ways show.
      const printed = network.run("near", "traceroute", "-n", "-q", "10", "-w", "1", targetOf(family));
      const byHop = printed
        .split("\n")
        .slice(1)
        .map((line) => new Set(line.match(family === "ipv4" ? /\d+\.\d+\.\d+\.\d+/g : /fd97:[0-9a-f:]+/g)));
      expect(byHop[2]).toEqual(new Set([targetOf(family)]));
      for (const [i, addresses] of addressesOf(traced).entries())
        expect(addresses.every((address) => byHop[i]!.has(address))).toBe(true);
    }
  });

  test("tells the ports of a path that drops from those of the other", async () => {
    network.nft("right", `table inet f { chain c { type filter hook forward priority 0; udp dport ${PORT} drop; }; }`);
    await inBoth(async (family) => {
      const { hops, ends } = await trace({ family });
      const { left, right } = network.routers;
      const portsBy = (address: string) => hops[1]!.routers.find((router) => router.address === address)!.ports;
      const bad = ends.flatMap(({ answered }, i) => (answered === 0 ? [i] : []));
      expect(portsBy(right[family])).toEqual(bad);
      expect(portsBy(left[family])).toEqual(ends.flatMap(({ sent, answered }, i) => (sent === answered ? [i] : [])));
      expect(bad.length).toBeGreaterThan(0);
    });
  });

  test("shows a router that sends no errors as one without an answer, with no loss at the end", async () => {
    const chain = "type filter hook output priority 0; icmp type time-exceeded drop; icmpv6 type time-exceeded drop;";
    network.nft("edge", `table inet f { chain c { ${chain} }; }`);
    await inBoth(async (family) => {
      const { hops, ends } = await trace({ family });
      expect(hops.map(({ answered }) => answered)).toEqual([0, 16]);
      expect(ends.every(({ sent, answered }) => sent === answered)).toBe(true);
    });
  });

  test("ends where the target refuses", async () => {
    await inBoth(async (family) => {
      const { hops, ends } = await trace({ family, to: { address: targetOf(family), port: CLOSED_PORT }, ports: 2 });
      expect(hops.map(({ hop }) => hop)).toEqual([1, 2]);
      expect(ends.every(({ sent, refused }) => sent > 0 && sent === refused)).toBe(true);
    });
  });

  test("says who rejects on the way", async () => {
    const rule = `udp dport ${PORT} reject with icmpx admin-prohibited;`;
    network.nft("edge", `table inet f { chain c { type filter hook forward priority 0; ${rule} }; }`);
    await inBoth(async (family) => {
      const { refusals } = await trace({ family, ports: 2 });
      expect(refusals.map(({ kind, by }) => [kind, by])).toEqual([["blocked", network.routers.edge[family]]]);
    });
  });
});
