// Every fault of packets, in a lab without agents, judged by programs and kernel counters that know nothing of the lab.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { inNamespace, run } from "../../lab/machine.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "ping");
/** Of faults that hold packets. */
const { test: heldTest } = await needs("namespaces", "tap devices");

describe("faults of packets", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 3, zones: 3, ipv6: true, agents: false, servicePath: true });
    // Neighbours are resolved before anything is counted.
    for (const from of lab.nodes)
      for (const to of lab.nodes)
        if (from !== to)
          await Promise.all(
            [...to.podAddresses, ...to.nodeAddresses].map((address) =>
              lab.run(from.name, "ping", ["-c", "1", "-W", "3", address]),
            ),
          );
  });
  afterEach(async () => {
    await lab.clear();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const address = (node: string, network: "pod" | "node", family: 0 | 1 = 0): string =>
    (network === "pod" ? lab.node(node).podAddresses : lab.node(node).nodeAddresses)[family]!;

  /** fping's own count. It waits 1 s for stragglers: nothing here is late by as much. */
  async function fping(
    from: string,
    to: string,
    { count = 20, periodMs = 10 } = {},
  ): Promise<{ sent: number; received: number; minMs: number; bursts: number }> {
    const out = await lab.run(from, "sh", ["-c", `fping -q -C ${count} -p ${periodMs} -t 1000 ${to} 2>&1 || true`]);
    const results = out
      .slice(out.lastIndexOf(" : ") + 3)
      .trim()
      .split(/\s+/);
    const times = results.filter((result) => result !== "-").map(Number);
    if (times.some(Number.isNaN)) throw new Error(`fping said something else: ${out}`);
    const bursts = results.filter((result, i) => result === "-" && results[i - 1] !== "-").length;
    return { sent: results.length, received: times.length, minMs: Math.min(...times), bursts };
  }

  /** ping's own words; it fails when nothing comes back, which is an answer here. */
  const ping = (from: string, ...args: string[]): Promise<string> =>
    lab.run(from, "sh", ["-c", 'ping "$@" 2>&1 || true', "ping", "-n", ...args]);

  /** A line of /proc/net/snmp, by column. */
  async function snmp(namespace: string, table: "Icmp" | "IcmpMsg" | "Udp", column: string): Promise<number> {
    const lines = (await inNamespace(namespace, "cat", ["/proc/net/snmp"]))
      .split("\n")
      .filter((line) => line.startsWith(`${table}: `));
    const [names, values] = lines.map((line) => line.split(" "));
    return Number(values?.[names?.indexOf(column) ?? -1] ?? 0);
  }
  const echoesAt = (node: string): Promise<number> => snmp(lab.podNamespace(node), "IcmpMsg", "InType8");

  async function counters() {
    const [fault] = await lab.faults();
    return fault!.counters!;
  }

  describe("the Service", () => {
    const SERVICE = ["10.96.0.7", "fd00:10:96::7"];
    const PORT = 7_843;
    const accepted = new Map<string, number>();
    beforeAll(async () => {
      const listen = `require("node:net").createServer((s) => (console.log("accepted"), s.end())).listen(${PORT}, "::", () => console.log("ready"))`;
      await Promise.all(
        lab.nodes.map(async ({ name }) => {
          accepted.set(name, 0);
          const listener = lab.spawn(name, process.execPath, ["-e", listen], { stdio: ["ignore", "pipe", "inherit"] });
          const lines = createInterface(listener.stdout!);
          await once(lines, "line");
          lines.on("line", () => accepted.set(name, accepted.get(name)! + 1));
        }),
      );
    });

    /** bash's own connect(2), one after the other: how many of them were answered before a second SYN would be sent. */
    const connects = async (from: string, to: string, count: number): Promise<number> =>
      Number(
        await lab.run(from, "bash", [
          "-c",
          `n=0; for i in $(seq ${count}); do timeout 0.8 bash -c 'exec 3<>/dev/tcp/${to}/${PORT}' 2>/dev/null && n=$((n+1)); done; echo $n`,
        ]),
      );

    test("is answered by every pod, the one that asks included, in both families", async () => {
      for (const to of SERVICE) {
        const before = new Map(accepted);
        expect(await connects("node-1", to, 60)).toBe(60);
        const counts = () => lab.nodes.map(({ name }) => accepted.get(name)! - before.get(name)!);
        // A line of another process may be read a little later.
        await expect.poll(() => counts().reduce((a, b) => a + b)).toBe(60);
        // Chance leaves one of three out of 60 once in 10^10 runs.
        expect(Math.min(...counts())).toBeGreaterThan(0);
      }
    });

    test("is broken on one node by its fault, which counts every SYN, while its pods and other nodes are reached", async () => {
      await lab.inject("service-path node-1");
      for (const to of SERVICE) expect(await connects("node-1", to, 2)).toBe(0);
      // Each was given up before a second SYN.
      expect(await counters()).toEqual({ matched: 4, affected: 4 });
      expect(await connects("node-1", address("node-2", "pod"), 3)).toBe(3);
      expect(await connects("node-2", SERVICE[0]!, 10)).toBe(10);
      await lab.clear();
      expect(await connects("node-1", SERVICE[0]!, 10)).toBe(10);
    });
  });

  test("loss one way drops what its counter says, on the way there and not on the way back", async () => {
    await lab.inject("loss node-1->node-2 30%");
    const before = await echoesAt("node-2");
    const { sent, received } = await fping("node-1", address("node-2", "pod"), { count: 300, periodMs: 2 });
    const arrived = (await echoesAt("node-2")) - before;
    const { matched, affected } = await counters();
    expect(matched).toBe(sent);
    expect(arrived).toBe(sent - affected);
    expect(received).toBe(arrived);
    // A binomial of 300 at 30 % is outside 45…135 once in 10^8 runs.
    expect(affected).toBeGreaterThan(45);
    expect(affected).toBeLessThan(135);
  });

  test("loss on the way back lets every request arrive", async () => {
    await lab.inject("loss node-2->node-1 50%");
    const before = await echoesAt("node-2");
    const { sent, received } = await fping("node-1", address("node-2", "pod"), { count: 60, periodMs: 2 });
    expect((await echoesAt("node-2")) - before).toBe(sent);
    expect(received).toBe(sent - (await counters()).affected);
    expect(received).toBeLessThan(sent);
  });

  heldTest.each(["loss node-1->node-2 50%", "corrupt node-1->node-2 50%"])(
    "%s that ends under way tells every packet it took, the last one included",
    async (fault) => {
      await lab.inject(fault);
      const before = await echoesAt("node-2");
      // A packet every ten milliseconds: some fall into the moment of ending.
      const pings = fping("node-1", address("node-2", "pod"), { count: 100 });
      await sleep(200);
      const [ended] = await lab.clear();
      const { sent, received } = await pings;
      expect(ended!.counters!.matched).toBeLessThan(sent);
      expect(sent - received).toBe(ended!.counters!.affected);
      expect((await echoesAt("node-2")) - before).toBe(received);
    },
  );

  test("a fault with a pulse takes packets in bursts, as many as it counts, and is gone with all its times when it is cleared", async () => {
    const { id } = await lab.inject("drop node-1->node-2 for 200ms every 700ms");
    const { sent, received, bursts } = await fping("node-1", address("node-2", "pod"), { count: 90, periodMs: 20 });
    const [ended] = await lab.clear(id);
    expect(received).toBe(sent - ended!.counters!.affected);
    expect(bursts).toBeGreaterThanOrEqual(2);
    expect((await fping("node-1", address("node-2", "pod"), { count: 40, periodMs: 20 })).received).toBe(40);
  });

  test("a drop on one network leaves the other network and other pairs whole, in both families", async () => {
    const received = async (...way: Parameters<typeof fping>) => (await fping(way[0], way[1], { count: 3 })).received;
    const see = async (family: 0 | 1) => {
      const [node, pod, third] = await Promise.all([
        received("node-1", address("node-2", "node", family)),
        received("node-1", address("node-2", "pod", family)),
        received("node-3", address("node-2", "node", family)),
      ]);
      return { node, pod, third };
    };
    for (const family of [0, 1] as const) {
      const fault = await lab.inject("drop node-1<->node-2 on node");
      expect(await see(family)).toEqual({ node: 0, pod: 3, third: 3 });
      await lab.clear(fault.id);
      await lab.inject("drop node-1<->node-2 on pod");
      expect(await see(family)).toEqual({ node: 3, pod: 0, third: 3 });
      await lab.clear();
      expect(await see(family)).toEqual({ node: 3, pod: 3, third: 3 });
    }
  });

  heldTest("a delay is in every round trip of its link and network, and in no other", async () => {
    await lab.inject("delay node-1->node-2 40ms on pod");
    const delayed = await fping("node-1", address("node-2", "pod"));
    expect(delayed.received).toBe(20);
    expect(delayed.minMs).toBeGreaterThanOrEqual(40);
    expect((await fping("node-1", address("node-2", "node"))).minMs).toBeLessThan(20);
    expect((await fping("node-1", address("node-3", "pod"))).minMs).toBeLessThan(20);
    expect(await counters()).toEqual({ matched: 20, affected: 20 });
    // Both ways at once: a second fault on the way back.
    await lab.inject("delay node-2->node-1 20ms");
    expect((await fping("node-1", address("node-2", "pod"))).minMs).toBeGreaterThanOrEqual(60);
    expect((await fping("node-1", address("node-2", "node"))).minMs).toBeGreaterThanOrEqual(20);
  });

  heldTest("loss and delay on one link do both, and the lost are not delayed as well", async () => {
    await lab.inject("delay node-1->node-2 20ms");
    await lab.inject("loss node-1->node-2 50%");
    const { sent, received, minMs } = await fping("node-1", address("node-2", "node"), { count: 60, periodMs: 5 });
    const [delay, loss] = await lab.faults();
    expect(minMs).toBeGreaterThanOrEqual(20);
    expect(loss!.counters).toMatchObject({
      matched: sent,
      affected: sent - received,
      byProtocol: { icmp: sent - received },
    });
    expect(delay!.counters).toEqual({ matched: received, affected: received });
  });

  heldTest("a doubled packet arrives twice, as ping's duplicates and as many more echoes as counted", async () => {
    await lab.inject("duplicate node-1->node-2 50%");
    const before = await echoesAt("node-2");
    const out = await ping("node-1", "-c", "40", "-i", "0.01", "-W", "1", address("node-2", "pod"));
    const { matched, affected } = await counters();
    expect((await echoesAt("node-2")) - before).toBe(matched + affected);
    expect(affected).toBeGreaterThan(5);
    expect(out).toContain(" 0% packet loss");
    // ping stops listening at its last reply: a duplicate of that one may come too late for it.
    const [, duplicates] = /\+(\d+) duplicates/.exec(out) ?? [];
    expect(affected - Number(duplicates)).toBeOneOf([0, 1]);
  });

  heldTest("a reordered packet arrives after later ones, and nothing is lost", async () => {
    await lab.inject("reorder node-1->node-2 20%");
    const before = await echoesAt("node-2");
    const out = await ping("node-1", "-c", "80", "-i", "0.005", "-W", "2", address("node-2", "node"));
    // Each line is a reply in the order in which it came back.
    const sequence = [...out.matchAll(/icmp_seq=(\d+)/g)].map(([, seq]) => Number(seq));
    const overtaken = sequence.filter((seq, i) => sequence.slice(0, i).some((earlier) => earlier > seq));
    const { matched, affected } = await counters();
    expect(matched).toBe(80);
    expect(affected).toBeGreaterThan(3);
    // The last ones have nobody to overtake them.
    expect(overtaken.length).toBeGreaterThanOrEqual(affected - 6);
    expect(overtaken.length).toBeGreaterThan(0);
    expect(await echoesAt("node-2")).toBe(before);
    expect(await snmp(lab.nodeNamespace("node-2"), "IcmpMsg", "InType8")).toBeGreaterThanOrEqual(80);
  });

  heldTest(
    "a damaged packet is found by the kernel's checksums and lost: ICMP's on the node network, the tunnel's on the pod network",
    async () => {
      await lab.inject("corrupt node-1->node-2 50%");
      const nodeErrors = await snmp(lab.nodeNamespace("node-2"), "Icmp", "InCsumErrors");
      const onNode = await fping("node-1", address("node-2", "node"), { count: 30 });
      const first = await counters();
      expect((await snmp(lab.nodeNamespace("node-2"), "Icmp", "InCsumErrors")) - nodeErrors).toBe(first.affected);
      expect(onNode.received).toBe(30 - first.affected);

      const tunnelErrors = await snmp(lab.nodeNamespace("node-2"), "Udp", "InCsumErrors");
      const onPod = await fping("node-1", address("node-2", "pod"), { count: 30 });
      const affected = (await counters()).affected - first.affected;
      expect((await snmp(lab.nodeNamespace("node-2"), "Udp", "InCsumErrors")) - tunnelErrors).toBe(affected);
      expect(onPod.received).toBe(30 - affected);
      expect(affected).toBeGreaterThan(0);
    },
  );

  heldTest("a silently damaged packet passes every checksum and comes back wrong", async () => {
    await lab.inject("corrupt node-1->node-2 100% silent");
    for (const network of ["pod", "node"] as const) {
      // The first bytes are ping's time stamp; the second half is its pattern.
      const out = await ping(
        "node-1",
        "-c",
        "5",
        "-i",
        "0.01",
        "-W",
        "2",
        "-s",
        "200",
        "-p",
        "00112233445566778899aabbccddeeff",
        address("node-2", network),
      );
      expect(out).toContain(" 0% packet loss");
      expect([...out.matchAll(/wrong data byte/g)]).toHaveLength(5);
    }
    expect(await counters()).toEqual({ matched: 10, affected: 10 });
  });

  test("an MTU black hole swallows what is larger without a word, one way only, and the node network keeps its size", async () => {
    await lab.inject("mtu node-1->node-2 1300");
    const sized = (from: string, bytes: number, to: string) =>
      ping(from, "-c", "1", "-W", "1", "-M", "do", "-s", String(bytes - 28), to);
    expect(await sized("node-1", 1300, address("node-2", "pod"))).toContain(" 0% packet loss");
    const swallowed = await sized("node-1", 1301, address("node-2", "pod"));
    expect(swallowed).toContain("100% packet loss");
    expect(swallowed).not.toMatch(/too long|needed|errors/i);
    expect(await sized("node-1", 1450, address("node-2", "node"))).toContain(" 0% packet loss");
    expect(await sized("node-1", 1450, address("node-3", "pod"))).toContain(" 0% packet loss");
    // An answer on the other way is not hit, its request is.
    expect((await counters()).affected).toBe(1);
    await lab.clear();
    expect(await sized("node-1", 1450, address("node-2", "pod"))).toContain(" 0% packet loss");
  });

  /** "refused" when a handshake reached the peer's kernel, "silence" when it did not within a second. */
  async function handshake(from: string, to: string): Promise<string> {
    const out = await lab.run(from, "bash", ["-c", `timeout 1 bash -c 'echo > /dev/tcp/${to}/9' 2>&1; echo code=$?`]);
    return out.includes("refused") ? "refused" : out.includes("code=124") ? "silence" : out;
  }
  /** ICMP port unreachable for a datagram to a closed port is "refused" for UDP. */
  async function datagram(from: string, to: string): Promise<string> {
    const out = await lab.run(from, "bash", [
      "-c",
      `exec 3<>/dev/udp/${to}/9; echo >&3; timeout 1 cat <&3 2>&1; echo code=$?`,
    ]);
    return out.includes("refused") ? "refused" : out.includes("code=124") ? "silence" : out;
  }

  test("a policy that rejects ICMP answers for the pod from its node, one way, in both families, and counts it", async () => {
    const { id } = await lab.inject("reject node-1->node-2 icmp");
    for (const to of lab.node("node-2").podAddresses)
      expect(await ping("node-1", "-c", "1", "-W", "1", to)).toMatch(
        /From 10\.244\.2\.\d+ .*Unreachable|From fd00:10:244:2::\S* .*[Uu]nreachable/,
      );
    for (const to of lab.node("node-1").podAddresses)
      expect(await ping("node-2", "-c", "1", "-W", "1", to)).toContain(" 0% packet loss");
    const [ended] = await lab.clear(id);
    expect(ended!.counters).toEqual({ matched: 2, affected: 2 });
    expect(await ping("node-1", "-c", "1", "-W", "1", address("node-2", "pod"))).toContain(" 0% packet loss");
  });

  test.each(["unroute", "misdirect"])(
    "%s takes the pod network from a pair, in both families, and leaves the node network and every other pair",
    async (kind) => {
      const { id } = await lab.inject(`${kind} node-1->node-2`);
      const reached = async (from: string, to: string): Promise<readonly boolean[]> => {
        const { podAddresses, nodeAddresses } = lab.node(to);
        const out = await Promise.all(
          [...podAddresses, ...nodeAddresses].map((one) => ping(from, "-c", "1", "-W", "1", one)),
        );
        return out.map((text) => text.includes(" 0% packet loss"));
      };
      expect(await reached("node-1", "node-2")).toEqual([false, false, true, true]);
      expect(await reached("node-2", "node-1")).toEqual([false, false, true, true]);
      expect(await reached("node-1", "node-3")).toEqual([true, true, true, true]);
      const refused = await ping("node-1", "-c", "1", "-W", "1", address("node-2", "pod"));
      expect(refused.includes("Unreachable")).toBe(kind === "unroute");
      await lab.clear(id);
      expect(await reached("node-1", "node-2")).toEqual([true, true, true, true]);
    },
  );

  test.each(["pod", "node"] as const)(
    "a filter on the %s network silences its own protocol, in both families, and no other",
    async (network) => {
      const [v4, v6] = [address("node-2", network), address("node-2", network, 1)];
      const inBoth = <T>(look: (to: string) => Promise<T>): Promise<T[]> => Promise.all([v4, v6].map(look));
      const see = async () => {
        const echo = async (to: string) => (await fping("node-1", to, { count: 1 })).received;
        const [icmp, tcp, udp] = await Promise.all([
          inBoth(echo),
          inBoth((to) => handshake("node-1", to)),
          inBoth((to) => datagram("node-1", to)),
        ]);
        return { icmp, tcp, udp };
      };
      const healthy = { icmp: [1, 1], tcp: ["refused", "refused"], udp: ["refused", "refused"] };
      expect(await see()).toEqual(healthy);
      await lab.inject(`filter node-1->node-2 icmp on ${network}`);
      expect(await see()).toEqual({ ...healthy, icmp: [0, 0] });
      await lab.clear();
      await lab.inject(`filter all tcp on ${network}`);
      expect(await see()).toEqual({ ...healthy, tcp: ["silence", "silence"] });
      await lab.clear();
      await lab.inject(`filter node-1 udp on ${network}`);
      expect(await see()).toEqual({ ...healthy, udp: ["silence", "silence"] });
    },
  );

  heldTest("when all is cleared no table, no device and no process of a fault is left", async () => {
    const fabric = lab.fabricNamespace;
    await lab.inject("delay all 5ms");
    await lab.inject("loss all 5%");
    expect((await run("ip", ["netns", "pids", fabric])).trim()).toMatch(/^\d+$/);
    expect((await inNamespace(fabric, "nft", ["list", "tables"])).trim().split("\n")).toHaveLength(2);
    await lab.clear();
    expect(await lab.faults()).toEqual([]);
    expect(await inNamespace(fabric, "nft", ["list", "tables"])).toBe("");
    expect(await inNamespace(fabric, "ip", ["-br", "link"])).not.toContain("detour");
    expect(await run("ip", ["netns", "pids", fabric])).toBe("");
    expect(await fping("node-1", address("node-2", "pod"))).toMatchObject({ received: 20 });
  });

  heldTest("faults asked for at once are done one after the other, and one that is not there is named", async () => {
    await Promise.all([
      lab.inject("delay node-1->node-2 10ms"),
      lab.inject("delay node-2->node-3 10ms"),
      lab.inject("loss node-1 1%"),
    ]);
    expect((await lab.faults()).map((fault) => fault.text)).toEqual([
      "delay node-1->node-2 10ms",
      "delay node-2->node-3 10ms",
      "loss node-1 1%",
    ]);
    await expect(lab.clear(99_999)).rejects.toThrow("there is no fault 99999; there are ");
    await expect(lab.inject("freeze node-1")).rejects.toThrow("the agent of node-1 does not run");
  });
});
