// One fault stays one fault: whatever throws in one part of measuring, the others go on.
import { createServer } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { Chores } from "../../agent/base/chores.ts";
import { configSchema } from "../../agent/config/schema.ts";
import { startMeasuring } from "../../agent/measuring/measuring.ts";
import { startMesh } from "../../agent/mesh/mesh.ts";
import { createMetrics } from "../../agent/metrics/metrics.ts";
import type { Protocol } from "../../agent/model/peer.ts";
import { PROTOCOLS } from "../../agent/probes/protocols.ts";
import { createResults } from "../../agent/results/results.ts";
import { id64, nodeHash, StampFormat } from "../../agent/wire/stamp.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork } from "../support/fake-network.ts";
import { ScriptedSource } from "../support/scripted-source.ts";
import type { FakeSocket } from "../support/fake-socket.ts";

const SERVICE = "10.96.0.7";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function setUp(
  given: { readonly icmp?: FakeKernel["icmp"]; readonly kernel?: FakeKernel; readonly port?: number } = {},
) {
  const port = given.port ?? (await freePort());
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  // Its own reflector answers it: peer and self are one machine here.
  const kernel = given.kernel ?? new FakeKernel(network, ["127.0.0.1", "127.0.0.2"]);
  if (given.icmp) kernel.icmp = given.icmp;
  kernel.listening.add(port);
  const service = { isBroken: false };
  network.tcpRule((to) => {
    if (to.ip !== SERVICE) return undefined;
    if (service.isBroken) throw new Error("EBADF, socket 17");
    return { kind: "establish", rttNs: 250_000 };
  });
  const config = configSchema.parse({
    node: { name: "node-1", podAddresses: ["127.0.0.1"] },
    discovery: { kind: "static", file: "/dev/null", allowLoopback: true },
    ports: { probe: port },
    listen: ["127.0.0.2"],
    dns: { enabled: false },
    servicePath: { hosts: [SERVICE] },
  });
  const results = createResults({ clock, pairDetail: "default" });
  const lines: { level: string; part?: string; msg: string }[] = [];
  const log = pino(
    { formatters: { level: (level) => ({ level }) } },
    {
      write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]),
    },
  );
  const chores = new Chores(clock);
  const self = { name: "node-1", zone: "a" };
  const metrics = createMetrics({
    results,
    clock,
    config,
    self: () => self,
    judge: () => undefined,
    mesh: () => ({ size: 2, serving: 1, notServing: 0, unprobed: 0, unprobedBy: {}, largestInDegree: 1 }),
    pathMtu: () => [],
    udpReceived: () => measuring.udpReceivedOfAll(),
    reflector: () => measuring.reflectorCounts(),
    socketDrops: () => [],
    runtime: false,
  });
  const measuring = await startMeasuring({
    config,
    log,
    engine: { clock, kernel, engine: { kind: "kernel", kernel } },
    chores,
    results,
    metrics,
    incarnation: "00112233445566aa",
  });
  onTestFinished(() => measuring[Symbol.asyncDispose]());
  const source = new ScriptedSource();
  const fetchJson = () => Promise.reject(new Error("nobody answers in this test"));
  const mesh = startMesh({ config, clock, chores, source, fetchJson });
  onTestFinished(() => mesh[Symbol.asyncDispose]());
  measuring.follow(mesh);
  const endpoint = (number: number, zone: string) => ({
    node: { name: `node-${number}`, zone },
    id: `node-${number}`,
    podAddresses: { ipv4: `127.0.0.${number}` },
    nodeAddresses: {},
    serving: true,
    terminating: false,
  });
  source.list(endpoint(1, "a"), endpoint(2, "b"));
  const run = async (seconds: number) => {
    for (let ms = 0; ms < seconds * 1_000; ms += 20) {
      clock.advanceMs(20);
      measuring.tick();
      if (ms % 200 === 0) await new Promise(setImmediate); // what is opened again comes by a promise
    }
  };
  const answered = (protocol: Protocol) => {
    const slot = results.slots().find((s) => s.protocol === protocol);
    if (!slot) return 0;
    const { probes, failures, refusals } = results.window(slot);
    return probes - failures - refusals;
  };
  const scraped = async (name: string) => {
    let text = "";
    for await (const part of metrics.scrape()) text += part;
    return text.split("\n").filter((line) => line.startsWith(`${name}{`));
  };
  return { clock, kernel, measuring, results, lines, run, answered, scraped, port, service };
}

/** Of what was opened at the start; the last UDP socket is that of path MTU. */
const socketsOf = (kernel: FakeKernel, protocol: "icmp" | "udp", isReflector = false): FakeSocket[] =>
  [...kernel.sockets].filter((s) => s.protocol === protocol && (s.address === "127.0.0.2") === isReflector).slice(0, 8);

function breakReceive(sockets: readonly FakeSocket[], message: string): void {
  for (const socket of sockets)
    socket.receive = socket.receiveErrors = () => {
      throw new Error(message);
    };
}

test("in a full mesh what has not arrived yet from a peer is a 0, not an absence", async () => {
  const { scraped, run } = await setUp();
  const received = () => scraped("internode_udp_received_total");
  const [atStart] = await received();
  expect(atStart).toMatch(/source_node="node-2",destination_node="node-1".* 0$/);
  await run(20);
  expect((await received()).find((line) => line.includes('source_node="node-2"'))).toBe(atStart);
});

test("all protocols of a sound machine are answered, and nothing is closed", async () => {
  const { run, answered, measuring, results, scraped } = await setUp();
  await run(20);
  expect(results.services.state()).toEqual({
    paths: [expect.objectContaining({ service: "agents", address: SERVICE, failures: 0, rttMeanNs: 250_000 })],
    unresolved: [],
  });
  for (const protocol of PROTOCOLS) expect(answered(protocol), protocol).toBeGreaterThan(1);
  expect(measuring.health().unavailable).toEqual([]);
  const faults = await scraped("internode_faults_total");
  expect(faults).toHaveLength(6);
  expect(faults.every((line) => line.endsWith(" 0"))).toBe(true);
});

test.each([
  ["icmp", "icmp", false],
  ["udp", "udp", false],
  ["reflector", "udp", true],
] as const)(
  "an error in %s closes it with its reason, the others go on, and it is opened again",
  async (part, protocol, isReflector) => {
    const { kernel, run, answered, measuring, lines, scraped } = await setUp();
    await run(70);
    const before = Object.fromEntries(PROTOCOLS.map((p) => [p, answered(p)]));
    breakReceive(socketsOf(kernel, protocol, isReflector), "EBADF, socket 17");
    await run(0.1);
    const own = measuring.health().unavailable.filter((u) => u.protocol === protocol);
    expect(own).not.toEqual([]);
    expect(own.every((u) => u.reason.includes("EBADF"))).toBe(true);
    expect(measuring.health().unavailable).toEqual(own);
    expect(
      (await scraped("internode_protocol_available"))
        .filter((l) => l.endsWith(" 0"))
        .every((l) => l.includes(`"${protocol}"`)),
    ).toBe(true);
    expect(await scraped("internode_faults_total")).toContainEqual(
      `internode_faults_total{source_node="node-1",part="${part}"} 1`,
    );
    expect(lines.filter((l) => l.level === "error")).toMatchObject([
      { part, msg: expect.stringContaining("will be tried again") },
    ]);
    await run(140);
    expect(measuring.health().unavailable).toEqual([]);
    for (const p of PROTOCOLS) expect(answered(p), p).toBeGreaterThan(before[p]! * 0.9);
    expect((await scraped("internode_protocol_available")).every((l) => l.endsWith(" 1"))).toBe(true);
    expect(lines.at(-1)).toMatchObject({ level: "info", part, msg: `${part} is open again` });
    expect((await scraped("internode_probe_failures_total")).filter((l) => !l.endsWith(" 0"))).toEqual([]);
  },
);

test("an error in the service path closes that alone, and it goes on when it is opened again", async () => {
  const { service, run, answered, measuring, results, lines, scraped } = await setUp();
  await run(20);
  const before = Object.fromEntries(PROTOCOLS.map((p) => [p, answered(p)]));
  service.isBroken = true;
  await run(5);
  expect(await scraped("internode_faults_total")).toContainEqual(
    'internode_faults_total{source_node="node-1",part="service"} 1',
  );
  expect(lines.filter((l) => l.level === "error")).toMatchObject([{ part: "service" }]);
  service.isBroken = false;
  await run(20);
  expect(results.services.state()?.paths).toMatchObject([{ address: SERVICE, failures: 0 }]);
  expect(measuring.health().unavailable).toEqual([]);
  for (const p of PROTOCOLS) expect(answered(p), p).toBeGreaterThan(before[p]! * 0.9);
  expect(await scraped("internode_service_failures_total")).toEqual([
    'internode_service_failures_total{source_node="node-1",service="agents",ip_family="ipv4"} 0',
  ]);
});

test("an error that comes again and again is counted each time and logged once", async () => {
  const { kernel, run, lines, scraped } = await setUp();
  for (let i = 0; i < 5; i++) {
    breakReceive(socketsOf(kernel, "icmp"), `broken for the ${i}th time`);
    await run(70);
  }
  expect(lines.filter((l) => l.level === "error")).toHaveLength(1);
  expect(await scraped("internode_faults_total")).toContainEqual(
    'internode_faults_total{source_node="node-1",part="icmp"} 5',
  );
});

test("UDP that was opened again tells the direction of loss as before", async () => {
  const { kernel, run, results } = await setUp();
  await run(30);
  breakReceive(socketsOf(kernel, "udp"), "EBADF");
  await run(70);
  const slot = results.slots().find((s) => s.protocol === "udp")!;
  let lost = 0;
  kernel.network.rule((p) =>
    p.destination.port !== 0 &&
    p.protocol === "udp" &&
    p.destination.ip === "127.0.0.2" &&
    p.bytes.length === 512 &&
    lost++ === 1
      ? { kind: "drop" }
      : undefined,
  );
  await run(30);
  const { failures, lostForward, lostReverse } = results.window(slot);
  expect([failures, lostForward, lostReverse]).toEqual([1, 1, 0]);
});

test("a protocol that the machine refuses at the start is probed as soon as it can be, and has no series before", async () => {
  const { kernel, run, answered, scraped, measuring } = await setUp({ icmp: { errno: "EACCES" } });
  await run(10);
  expect(measuring.health().unavailable).toMatchObject([
    { network: "pod", protocol: "icmp", reason: expect.stringMatching(/EACCES.*ping_group_range/) as string },
    { network: "node", protocol: "icmp" },
  ]);
  expect((await scraped("internode_probes_total")).filter((l) => l.includes("icmp"))).toEqual([]);
  expect(answered("tcp")).toBeGreaterThan(0);
  kernel.icmp = "datagram";
  await run(70);
  expect(measuring.health().unavailable).toEqual([]);
  expect(answered("icmp")).toBeGreaterThan(0);
});

test("a port to answer on that cannot be opened ends the start, and nothing is left open", async () => {
  const first = await setUp();
  const port = [...first.kernel.listening][0]!;
  await expect(setUp({ kernel: first.kernel, port })).rejects.toThrow(/UDP probes: .*EADDRINUSE/);
  await first.run(5);
  expect(first.answered("icmp")).toBeGreaterThan(0);
});

test("UDP packets with another key reach the log once with the cure, the metrics, and the row", async () => {
  const { kernel, run, lines, scraped, measuring, port } = await setUp();
  const bytes = new Uint8Array(512);
  new StampFormat({ baseSeconds: 0, key: Buffer.from("theirs") }).encodeRequest(bytes, {
    sequence: 0,
    port: 0,
    slot: 0,
    number: 0,
    nonceHigh: 0,
    nonceLow: 0,
    network: "pod",
    family: "ipv4",
    smallReply: false,
    sentNs: 0,
    incarnation: id64("00000000000000ff"),
    source: nodeHash("node-3"),
  });
  for (let i = 0; i < 3; i++) {
    const source = { ip: "10.0.0.3", port: 4_000 };
    kernel.network.inject({ protocol: "udp", source, destination: { ip: "127.0.0.2", port }, bytes });
    await run(1);
  }
  expect(lines.filter((l) => l.level === "warn")).toMatchObject([
    { from: "10.0.0.3", result: "key", msg: expect.stringContaining("the same udp.keyFile") },
  ]);
  expect(await scraped("internode_reflector_packets_total")).toContain(
    'internode_reflector_packets_total{source_node="node-1",result="key"} 3',
  );
  expect(measuring.health().reflector).toMatchObject({ key: 3, limited: 0 });
  // Another life of the answering end goes on counting, and does not say it again.
  breakReceive(socketsOf(kernel, "udp", true), "EBADF");
  await run(70);
  kernel.network.inject({
    protocol: "udp",
    source: { ip: "10.0.0.3", port: 4_000 },
    destination: { ip: "127.0.0.2", port },
    bytes,
  });
  await run(1);
  expect(measuring.health().reflector).toMatchObject({ key: 4 });
  expect(lines.filter((l) => l.level === "warn")).toHaveLength(1);
});
