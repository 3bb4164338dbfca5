// ping, trace and mtu by the command line, against the agents of a lab: three nodes, a leaf and four equal paths, with both
// families. (With IPv6 alone: ipv6-actions.test.ts.)
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { MtuReport } from "../../agent/actions/mtu/report.ts";
import type { PingResult } from "../../agent/actions/ping/action.ts";
import type { TraceReport } from "../../agent/actions/trace/report.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { openLabDoor, type LabDoor } from "../support/lab-door.ts";
import { needs } from "../support/needs.ts";

const { describe, test } = await needs("namespaces");

interface Concluded {
  readonly conclusion: { readonly isFault: boolean; readonly text: string };
}

/** What either command prints. */
interface Document {
  readonly traces: readonly (TraceReport & Concluded)[];
  readonly paths: readonly (MtuReport & Concluded)[];
  readonly overheads: readonly string[];
}

describe("the path between two nodes of a lab", () => {
  let lab: Lab;
  let door: LabDoor;
  beforeAll(async () => {
    lab = await createLab({ nodes: 3, paths: 4, ipv6: true, hostPorts: true });
    door = await openLabDoor(lab);
  });
  afterEach(async () => {
    await lab.clear();
  });
  afterAll(async () => {
    await door?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  async function json(
    ...words: readonly string[]
  ): Promise<{ readonly code: number | null; readonly document: Document }> {
    const { code, out, err } = await door.internode([...words, "-o", "json"]);
    expect(err).toBe("");
    return { code, document: JSON.parse(out) as Document };
  }

  test("is probed by every protocol on both networks and in both families at once", async () => {
    const { code, out, err } = await door.internode(["ping", "node-1", "node-2", "-c", "3", "-i", "0.2", "-o", "json"]);
    expect(err).toBe("");
    const { slots } = JSON.parse(out) as Pick<PingResult, "slots">;
    const where = slots.map(({ network, protocol, family }) => `${network} ${protocol} ${family}`);
    expect(where.toSorted()).toEqual(
      ["node", "pod"].flatMap((network) =>
        ["icmp", "tcp", "udp"].flatMap((protocol) => [`${network} ${protocol} ipv4`, `${network} ${protocol} ipv6`]),
      ),
    );
    for (const { window } of slots) {
      expect(window).toMatchObject({ probes: 3, failures: 0 });
      expect(window.rttMeanNs).toBeGreaterThan(0);
    }
    expect(code).toBe(0);
  });

  test("loses in one family alone, and the ping says in which", async () => {
    const rule = "ip6 nexthdr udp ip6 daddr fd00:10:244::/48 drop";
    await lab.run("node-1", "nft", [`table inet f { chain c { type filter hook output priority 0; ${rule}; }; }`]);
    const words = ["ping", "node-1", "node-2", "-c", "3", "-i", "0.2", "--timeout", "0.5", "--network", "pod"];
    const { code, out } = await door.internode([...words, "-o", "json"]);
    await lab.run("node-1", "nft", ["delete", "table", "inet", "f"]);
    const { slots } = JSON.parse(out) as Pick<PingResult, "slots">;
    const isBad = ({ window, localErrors }: PingResult["slots"][number]) =>
      window.failures > 0 || Object.keys(localErrors).length > 0;
    expect(slots.filter(isBad).map(({ protocol, family }) => `${protocol} ${family}`)).toEqual(["udp ipv6"]);
    expect(code).toBe(1);
  });

  test("is traced both ways at once on both networks and in both families, the nodes' names with it", async () => {
    const { code, document } = await json("trace", "node-1", "node-2");
    expect(document.traces.map(({ from, network, family }) => `${from} ${network} ${family}`)).toEqual([
      "node-1 pod ipv4",
      "node-1 pod ipv6",
      "node-1 node ipv4",
      "node-1 node ipv6",
      "node-2 pod ipv4",
      "node-2 pod ipv6",
      "node-2 node ipv4",
      "node-2 node ipv6",
    ]);
    for (const { conclusion, network, hops } of document.traces) {
      expect(conclusion).toMatchObject({ isFault: false });
      // The tunnel hides leaf and paths from the pod network; a hostPort leads on from the node into its pod.
      expect(hops).toHaveLength(network === "pod" ? 2 : 4);
    }
    expect(code).toBe(0);
  });

  test("has a bad one of four for some source ports, and the trace says which and by which router", async () => {
    await lab.inject("drop node-1->node-2 via path-2");
    const words = [
      "trace",
      "node-1",
      "node-2",
      "--one-way",
      "--network",
      "node",
      "--family",
      "ipv4",
      "--ports",
      "16",
      "-i",
      "0.2",
    ];
    const { code, document } = await json(...words);
    const { conclusion, hops, ends } = document.traces[0]!;
    const bad = ends.flatMap(({ answered }, i) => (answered === 0 ? [i] : []));
    expect(bad.length).toBeGreaterThan(0);
    expect(hops[2]!.routers.find(({ address }) => address === "10.10.1.2")?.ports).toEqual(bad);
    expect(conclusion.text).toMatch(/At hop 3 the bad ports? goe?s? by 10\.10\.1\.2, the others by/);
    expect(code).toBe(1);
  });

  test("carries what its kernels believe in, and a black hole of one way is found in that way, to the byte", async () => {
    await lab.inject("mtu node-1->node-2 1300");
    const { code, document } = await json("mtu", "node-1", "node-2");
    expect(document.paths).toHaveLength(8);
    for (const { from, network, passesBytes, conclusion, vanishes } of document.paths) {
      const isHit = from === "node-1" && network === "pod";
      const found = [passesBytes, conclusion.isFault, vanishes?.reached?.hop, vanishes?.missed?.hop];
      expect(found).toEqual(isHit ? [1_300, true, 1, 2] : [1_450, false, undefined, undefined]);
    }
    expect(document.overheads.join()).toContain("The 1,450 bytes of the pod network are 50 fewer than the usual");
    expect(code).toBe(1);
  });

  test("is not asked about where a name is wrong: the nodes that there are are told", async () => {
    const { code, err } = await door.internode(["trace", "node-1", "node-9", "--one-way"]);
    expect([code, err]).toEqual([1, expect.stringContaining("there are node-2 and node-3")]);
    expect((await door.internode(["mtu", "node-1", "node-1"])).code).toBe(2);
  });
});
