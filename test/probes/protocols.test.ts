import { expect, test } from "vitest";
import { configSchema } from "../../agent/config/schema.ts";
import { openProber, PROTOCOL_TABLE, PROTOCOLS, type ProbersOptions } from "../../agent/probes/protocols.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork } from "../support/fake-network.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";

const config = configSchema.parse({ node: { name: "node-1" }, discovery: { kind: "static", file: "/dev/null" } });

function setUp() {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const kernel = new FakeKernel(network, ["10.0.0.1"]);
  new FakeKernel(network, ["10.0.0.2"]).listening.add(config.ports.probe);
  const sink = new RecordingSink();
  const options: ProbersOptions = {
    clock,
    sink,
    config,
    families: ["ipv4"],
    source: "node-1",
    incarnation: "00112233445566aa",
    conntrack: () => "not-full",
  };
  return { clock, kernel, sink, options };
}

test("the table has a line for every protocol, under its own name", () => {
  expect(Object.keys(PROTOCOL_TABLE)).toEqual(PROTOCOLS);
});

test.each(PROTOCOLS)(
  "%s by the kernel engine probes the configured port with the configured timeout",
  async (protocol) => {
    const { clock, kernel, sink, options } = setUp();
    const opened = await openProber(protocol, { kind: "kernel", kernel }, options);
    if ("unavailable" in opened) throw new Error(opened.unavailable.reason);
    using prober = opened.prober;
    expect(prober.protocol).toBe(protocol);
    const silent = testSlot({ protocol, address: "10.0.0.99" });
    prober.open(silent);
    prober.send([silent]);
    clock.advanceMs(config[protocol].timeoutMs - 10);
    prober.drain();
    prober.expire();
    expect(sink.outcomes()).toEqual([]);
    clock.advanceMs(20);
    prober.drain();
    prober.expire();
    expect(sink.outcomes()).toEqual([{ kind: "failed", reason: "timeout" }]);
  },
);

test("a protocol that the machine refuses is unavailable with what happened and the cure", async () => {
  const { kernel, options } = setUp();
  kernel.icmp = { errno: "EACCES" };
  const opened = await openProber("icmp", { kind: "kernel", kernel }, options);
  expect(opened).toMatchObject({
    unavailable: {
      protocol: "icmp",
      reason: expect.stringContaining("EACCES"),
      cure: expect.stringContaining("ping_group_range"),
    },
  });
});

test.each(["tcp", "udp"] as const)("%s needs no rights by the userspace engine", async (protocol) => {
  const { options } = setUp();
  const opened = await openProber(protocol, { kind: "userspace" }, options);
  expect("prober" in opened && opened.prober.protocol).toBe(protocol);
  if ("prober" in opened) opened.prober[Symbol.dispose]();
});
