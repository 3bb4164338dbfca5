// throughput by the command line, against the agents of a lab, beside iperf3 on the same path.
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { ThroughputReport } from "../../agent/actions/throughput/report.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { openLabDoor, type LabDoor } from "../support/lab-door.ts";
import { needs } from "../support/needs.ts";

const { describe, test } = await needs("namespaces", "iperf3");

/** Of the link behind node-2's port: far below what any machine sends. */
const LINK_MBPS = 20;

describe("the throughput between two nodes of a lab", () => {
  let lab: Lab;
  let door: LabDoor;
  beforeAll(async () => {
    lab = await createLab({ nodes: 3, zones: 1, hostPorts: true });
    door = await openLabDoor(lab);
  });
  afterEach(async () => {
    await lab.clear();
  });
  afterAll(async () => {
    await door?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  async function runs(...words: readonly string[]): Promise<readonly ThroughputReport[]> {
    const { out, err } = await door.internode(["throughput", "node-1", "node-2", "--yes", "-o", "json", ...words]);
    expect(err).toBe("");
    return (JSON.parse(out) as { readonly runs: readonly ThroughputReport[] }).runs;
  }

  test("by TCP is what iperf3 finds on the same path, on the pod network and the node network", async () => {
    const { podAddresses } = lab.node("node-2");
    const limit = `tbf rate ${LINK_MBPS}mbit burst 32kb latency 100ms`;
    await lab.runInNode("node-1", "tc", ["qdisc", "replace", "dev", "eth0", "root", ...limit.split(" ")]);
    const server = lab.spawn("node-2", "iperf3", ["-s", "-1", "--forceflush"], { stdio: "pipe" });
    await once(server.stdout!, "data");
    const said = await lab.run("node-1", "iperf3", ["-c", podAddresses[0]!, "-t", "3", "-J"]);
    const iperf3 = JSON.parse(said) as {
      readonly end: { readonly sum_received: { readonly bits_per_second: number } };
    };
    const theirs = iperf3.end.sum_received.bits_per_second;
    const ours = await runs("-t", "3");
    await lab.runInNode("node-1", "tc", ["qdisc", "del", "dev", "eth0", "root"]);
    expect(ours.map(({ network, failed }) => [network, failed])).toEqual([
      ["pod", undefined],
      ["node", undefined],
    ]);
    for (const { received, sent } of ours) {
      const rate = (received!.bytes * 8) / received!.seconds;
      const both = `iperf3 ${(theirs / 1e6).toFixed(1)} Mbit/s, internode ${(rate / 1e6).toFixed(1)} Mbit/s`;
      expect(rate / theirs, both).toBeGreaterThan(0.7);
      expect(rate / theirs, both).toBeLessThan(1.3);
      expect(received!.bytes).toBe(sent!.bytes);
    }
  });

  test("by TCP on a path that drops has segments sent again, by the kernel's count", async () => {
    await lab.inject("loss node-1->node-2 5%");
    const [run] = await runs("-t", "2", "--network", "pod", "--rate", "10");
    expect(run!.sent!.tcp!.retransmits).toBeGreaterThan(0);
    expect(run!.received!.bytes).toBe(run!.sent!.bytes);
  });

  test("by UDP counts every packet that is lost on the way, exactly", async () => {
    const [whole] = await runs("-t", "2", "--protocol", "udp", "--rate", "5", "-P", "2");
    expect(whole).toMatchObject({ network: "pod", lost: 0, messageBytes: 1_422 });
    expect(whole!.received!.udp!.packets).toBe(whole!.sent!.packets);
    // By their size no others are meant.
    const rule = "udp length 1430 numgen random mod 5 == 0 counter name lost drop";
    const script = `table inet f { counter lost { } ; chain c { type filter hook input priority 0; ${rule}; }; }`;
    await lab.run("node-2", "nft", [script]);
    const [lossy] = await runs("-t", "2", "--protocol", "udp", "--rate", "5");
    const counted = await lab.run("node-2", "nft", ["list", "counter", "inet", "f", "lost"]);
    await lab.run("node-2", "nft", ["delete", "table", "inet", "f"]);
    expect(lossy!.lost).toBe(Number(/packets (\d+)/.exec(counted)![1]));
    expect(lossy!.lost).toBeGreaterThan(0);
    expect(lossy!.received!.udp!.packets).toBe(lossy!.sent!.packets! - lossy!.lost!);
  });

  test("is never measured twice at once in the mesh", async () => {
    const ask = (from: string) =>
      door.internode(["throughput", from, "node-2", "--yes", "-t", "8", "--rate", "1", "--network", "pod"]);
    // Whichever asks first has it.
    const [first, third] = await Promise.all([ask("node-1"), ask("node-3")]);
    const [measured, refused, holder] = first.code === 0 ? [first, third, "node-1"] : [third, first, "node-3"];
    expect(measured.code, `${first.err}${third.err}`).toBe(0);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining(`one runs in the mesh already, started at ${holder}`),
    ]);
  });

  test("is not measured without consent, and nobody else can send to the far end", async () => {
    const { code, err } = await door.internode(["throughput", "node-1", "node-2"]);
    expect([code, err]).toEqual([2, expect.stringContaining("sends up to 12.5 GB from node-1 to node-2")]);
    const run = runs("-t", "3", "--network", "pod", "--rate", "1");
    const inside = enterNamespace(lab.podNamespace("node-3"));
    const stranger = connect(7_843, lab.node("node-2").podAddresses[0]);
    inside[Symbol.dispose]();
    stranger.on("error", () => {}).write("x".repeat(100_000));
    const [measured] = await run;
    expect(measured!.received!.bytes).toBe(measured!.sent!.bytes);
    stranger.destroy();
  });
});
