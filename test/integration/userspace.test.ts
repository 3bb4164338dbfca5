// The userspace engine where the fake kernel cannot follow: IPv6, and a process without raw rights.
import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Prober } from "../../agent/probes/prober.ts";
import { dgramKernel } from "../../agent/probes/userspace/dgram-kernel.ts";
import { userspaceIcmpProber } from "../../agent/probes/userspace/icmp.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { SLOWER_BY } from "../support/slower.ts";
import { testSlot } from "../support/test-slot.ts";
import { until } from "../probes/contract.ts";
import { realNetwork, realWorld, type RealNetwork } from "./real-worlds.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces", "raw-socket");
const { test: droppingTest } = await needs("namespaces", "raw-socket", "fewer capabilities");

let network: RealNetwork;
beforeAll(async () => {
  network = await realNetwork();
});
afterEach(() => network.pair.nft(network.pair.far, "flush ruleset\n"));
afterAll(() => network[Symbol.asyncDispose]());

async function ping6(): Promise<RecordingSink> {
  const sink = new RecordingSink();
  using prober: Prober = await userspaceIcmpProber({
    clock: network.clock,
    sink,
    settings: { timeoutMs: 400 * SLOWER_BY, sizeBytes: 64 },
    families: ["ipv6"],
    conntrack: () => "not-full",
  });
  const world = await realWorld(network, { protocol: "icmp", timeoutMs: 400 * SLOWER_BY, prober: () => prober });
  const slot = testSlot({ protocol: "icmp", address: "fd99:0::2" });
  prober.open(slot);
  prober.send([slot]);
  await until(world, () => prober.outstanding === 0);
  return sink;
}

const farInput6 = (rule: string) =>
  network.pair.nft(
    network.pair.far,
    `table ip6 t {\n chain c {\n type filter hook input priority 0;\n icmpv6 type echo-request ${rule}\n }\n}\n`,
  );

test("ICMPv6 is answered, however the address is spelled", async () => {
  expect((await ping6()).outcomes()).toMatchObject([{ kind: "answered", clock: "user" }]);
});

test("ICMPv6 errors that quote our packet are told apart", async () => {
  farInput6("reject with icmpv6 type no-route");
  expect((await ping6()).outcomes()).toEqual([{ kind: "failed", reason: "unreachable" }]);
  network.pair.nft(network.pair.far, "flush ruleset\n");
  farInput6("reject with icmpv6 type admin-prohibited");
  expect((await ping6()).outcomes()).toEqual([{ kind: "failed", reason: "blocked" }]);
});

test("a datagram from a link-local address, which comes with its interface, is read like any other", async () => {
  const { pair } = network;
  const linkLocal = (namespace: string) =>
    /inet6 (fe80\S+)\//.exec(pair.run(namespace, "ip", "-6", "addr", "show", "dev", "veth0", "scope", "link"))![1]!;
  const kernel = dgramKernel(network.clock);
  using socket = kernel.openUdp({ family: "ipv6", port: 0 });
  const send = `require("dgram").createSocket("udp6").send("hello", ${socket.port}, "${linkLocal(pair.near)}%veth0", () => process.exit())`;
  pair.run(pair.far, process.execPath, "-e", send);
  const batch = kernel.createBatch(4, 64);
  await expect.poll(() => socket.receive(batch)).toBe(1);
  expect(Buffer.from(batch.bytes(0)).toString()).toBe("hello");
  expect(batch.from(0).ip).toBe(linkLocal(pair.far));
});

droppingTest("without raw rights ICMP is unavailable with its cure, and the process lives on", () => {
  const script = `
    import { openProber } from ${JSON.stringify(new URL("../../agent/probes/protocols.ts", import.meta.url).href)};
    const options = { clock: { baseSeconds: 0, monotonicNs: () => 0, realtimeNs: () => 0 }, config: { icmp: { timeoutMs: 1, sizeBytes: 64 }, ports: { probe: 7843 } }, families: ["ipv4"], conntrack: () => "not-full" };
    const opened = await openProber("icmp", { kind: "userspace" }, options);
    console.log(JSON.stringify(opened));
  `;
  const told = execFileSync(
    "setpriv",
    ["--bounding-set=-net_raw", "--inh-caps=-net_raw", process.execPath, "--input-type=module", "-e", script],
    { encoding: "utf8" },
  );
  expect(JSON.parse(told)).toEqual({
    unavailable: {
      protocol: "icmp",
      reason: expect.stringContaining("Operation not permitted"),
      cure: expect.stringContaining("CAP_NET_RAW"),
    },
  });
});
