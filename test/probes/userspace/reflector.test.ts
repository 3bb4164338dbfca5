// The answering end and the probing end of the userspace engine, one with the other over loopback.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { dgramKernel } from "../../../agent/probes/userspace/dgram-kernel.ts";
import { userspaceClock } from "../../../agent/probes/userspace/clock.ts";
import { userspaceUdpProber } from "../../../agent/probes/userspace/udp.ts";
import { udpReflector } from "../../../agent/reflector/udp-reflector.ts";
import { nodeHashHex } from "../../../agent/wire/stamp.ts";
import { freeUdpPort } from "../../support/free-port.ts";
import { RecordingSink } from "../../support/recording-sink.ts";
import { testSlot } from "../../support/test-slot.ts";

const PROBES = 3;

test.each([
  ["a peer", "node-1"],
  ["a stranger", "nobody"],
])("%s is answered from the first probe on, each time at the port that it sent from", async (_, known) => {
  const clock = userspaceClock();
  const sink = new RecordingSink();
  const peer = { name: known, zone: "a" };
  const port = await freeUdpPort();
  using reflector = udpReflector({
    kernel: dgramKernel(clock),
    clock,
    port,
    listen: [{ family: "ipv4", address: "127.0.0.1" }],
    incarnation: "00000000000000b0",
    maxPacketBytes: 2_000,
    isFrom: (hash) => hash === nodeHashHex(peer.name),
    nodeOf: (hash) => (hash === nodeHashHex(peer.name) ? peer : undefined),
  });
  using prober = userspaceUdpProber({
    clock,
    sink,
    settings: { timeoutMs: 2_000, sizeBytes: 512, port },
    families: ["ipv4"],
    source: "node-1",
    incarnation: "00112233445566aa",
    conntrack: () => "not-full",
  });
  const slot = testSlot({ protocol: "udp", address: "127.0.0.1" });
  prober.open(slot);
  for (let sent = 0; sent < PROBES; sent++) {
    prober.send([slot]);
    while (prober.outstanding > 0) {
      await sleep(1);
      reflector.tick();
      prober.drain();
      prober.expire();
    }
  }
  expect(sink.outcomes()).toMatchObject(Array.from({ length: PROBES }, () => ({ kind: "answered", clock: "user" })));
});

test("what came from port 0 cannot be answered, which is said as the kernel says it", () => {
  const kernel = dgramKernel(userspaceClock());
  using socket = kernel.openUdp({ family: "ipv4", port: 0, address: "127.0.0.1" });
  const batch = kernel.createBatch(3, 64);
  for (const [i, port] of [socket.port, 0, socket.port].entries())
    batch.prepare(i, 1, kernel.socketAddress("127.0.0.1", port));
  expect(socket.send(batch, 0, 3)).toBe(1);
  expect(kernel.errnoName(socket.send(batch, 1, 3))).toBe("EINVAL");
  expect(socket.send(batch, 2, 3)).toBe(1);
});
