// Fills the connection tracking table, whose size is the machine's, and puts the size back: never beside other tests.
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { conntrackState } from "../../agent/probes/conntrack.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import type { Prober } from "../../agent/probes/prober.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";
import { vethPair } from "../support/veth.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces", "connection tracking limit");

const MAX = "/proc/sys/net/netfilter/nf_conntrack_max";
const ROOM = 64;
const PORT = 7_999;

test("a probe that a full connection tracking table refuses is no probe, and the next ones after it are", async () => {
  using pair = vethPair();
  // Any rule that asks for a connection's state switches tracking on.
  pair.nft(
    pair.near,
    "table ip track {\n chain out {\n type filter hook output priority 0;\n ct state new accept\n }\n}\n",
  );
  const server = pair.start(
    pair.far,
    process.execPath,
    "-e",
    `require("net").createServer((s) => s.on("error", () => {})).listen(${PORT}, () => console.log("up"))`,
  );
  await once(server.stdout!, "data");
  const size = readFileSync(MAX, "utf8");
  const held: Socket[] = [];
  const clock = systemClock();
  const sink = new RecordingSink();
  const slot = testSlot({ protocol: "icmp", address: pair.farIp });
  let prober: Prober | undefined;
  const probe = async () => {
    prober!.send([slot]);
    await sleep(50);
    prober!.drain();
    prober!.expire();
  };
  try {
    // Only the machine's own namespace may set it; it then holds for every namespace.
    writeFileSync(MAX, String(ROOM));
    {
      using inside = enterNamespace(pair.near);
      expect(inside).toBeDefined();
      prober = icmpProber({
        kernel: openLinuxKernel(clock),
        clock,
        sink,
        settings: { timeoutMs: 300, sizeBytes: 64 },
        families: ["ipv4"],
        conntrack: conntrackState,
      });
      prober.open(slot);
      // Established connections: the kernel makes room by forgetting others, never these.
      for (let i = 0; i < ROOM; i++) {
        const socket = connect(PORT, pair.farIp);
        held.push(socket);
        await once(socket, "connect");
      }
      expect(conntrackState()).toBe("full");
      await probe();
    }
    expect(sink.outcomes()).toEqual([]);
    expect(sink.localErrors()).toEqual(["EPERM"]);
    writeFileSync(MAX, size);
    await probe();
    expect(sink.outcomes().map((o) => o.kind)).toEqual(["answered"]);
  } finally {
    writeFileSync(MAX, size);
    for (const socket of held) socket.destroy();
    prober?.[Symbol.dispose]();
  }
  expect(readFileSync(MAX, "utf8")).toBe(size);
});
