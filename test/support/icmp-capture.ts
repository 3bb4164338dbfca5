// The round trips of the real ICMP prober beside those that tcpdump saw, probe by probe.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { icmpRoundTrips, readPcap } from "./pcap.ts";
import type { VethPair } from "./veth.ts";

const WORKER = fileURLToPath(new URL("../bench/rtt.worker.ts", import.meta.url));

export interface CapturedRoundTrips {
  /** Null where there was no answer. */
  readonly reportedNs: readonly (number | null)[];
  readonly capturedNs: readonly number[];
}

export interface CaptureOptions {
  readonly count: number;
  /** Longer than a round trip. */
  readonly periodMs: number;
}

/** From the near end of a cable to its far one. */
export async function capturedRoundTrips(
  pair: VethPair,
  { count, periodMs }: CaptureOptions,
): Promise<CapturedRoundTrips> {
  const folder = mkdtempSync(join(tmpdir(), "internode-capture-"));
  try {
    const file = join(folder, "icmp.pcap");
    const what = ["-i", "veth0", "-n", "--time-stamp-precision=nano", "-w", file, "icmp"];
    const tcpdump = pair.start(pair.near, "tcpdump", ...what);
    await once(tcpdump.stderr!, "data");
    await sleep(300);
    const said = pair.run(pair.near, process.execPath, WORKER, pair.farIp, String(count), String(periodMs));
    // tcpdump hands blocks over once a second. (Immediate mode would wake it at every packet, between the capture's
    // stamp and the driver's: 4 µs that are not the network's.)
    await sleep(1_500);
    tcpdump.kill("SIGINT");
    await once(tcpdump, "exit");
    return {
      reportedNs: JSON.parse(said) as readonly (number | null)[],
      capturedNs: [...icmpRoundTrips(readPcap(file)).values()],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
