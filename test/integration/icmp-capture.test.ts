import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { icmpRoundTrips, readPcap } from "../support/pcap.ts";
import { SLOWER_BY } from "../support/slower.ts";
import { vethPair } from "../support/veth.ts";
import { needs } from "../support/needs.ts";

// tcpdump becomes another user when it starts as root.
const { test } = await needs("namespaces", "tcpdump", "other users");

const WORKER = fileURLToPath(new URL("../bench/rtt.worker.ts", import.meta.url));

test("what tcpdump saw on the wire is what is reported, probe by probe", async () => {
  using pair = vethPair();
  const folder = mkdtempSync(join(tmpdir(), "internode-capture-"));
  try {
    const file = join(folder, "icmp.pcap");
    const tcpdump = pair.start(
      pair.near,
      "tcpdump",
      "-i",
      "veth0",
      "-n",
      "--time-stamp-precision=nano",
      "-w",
      file,
      "icmp",
    );
    await once(tcpdump.stderr!, "data");
    await sleep(300);
    const reported = JSON.parse(pair.run(pair.near, process.execPath, WORKER, pair.farIp, "200", "5")) as (
      number | null
    )[];
    // tcpdump hands blocks over once a second. (Immediate mode would wake it at every packet, between the capture's
    // stamp and the driver's: 4 µs that are not the network's.)
    await sleep(1_500);
    tcpdump.kill("SIGINT");
    await once(tcpdump, "exit");
    const truth = [...icmpRoundTrips(readPcap(file)).values()];
    expect(reported).toHaveLength(200);
    expect(reported.every((ns) => ns !== null)).toBe(true);
    expect(truth).toHaveLength(200);
    const errorsNs = truth.map((ns, i) => Math.abs(reported[i]! - ns)).sort((a, b) => a - b);
    // The capture's own cost lies between its stamp and ours: microseconds. Half a millisecond would be another packet.
    expect(errorsNs[100]).toBeLessThan(100_000 * SLOWER_BY);
    expect(errorsNs[190]).toBeLessThan(500_000 * SLOWER_BY);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
