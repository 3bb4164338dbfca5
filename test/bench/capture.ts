// tcpdump beside a measurement.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readPcap, type Captured } from "../support/pcap.ts";
import type { VethPair } from "../support/veth.ts";

interface CaptureOptions {
  readonly namespaces: readonly string[];
  readonly filter: string;
  /** Times are since this second; since the first packet of each namespace unless given. */
  readonly originS?: number;
}

/** What crossed `veth0` of each namespace while `measure` ran, and what that came to. */
export async function captured<T>(
  pair: VethPair,
  { namespaces, filter, originS }: CaptureOptions,
  measure: () => T | Promise<T>,
): Promise<{ measured: T; packets: Captured[][] }> {
  const folder = mkdtempSync(join(tmpdir(), "internode-bench-"));
  try {
    const captures = await Promise.all(
      namespaces.map(async (namespace, i) => {
        const file = join(folder, `${i}.pcap`);
        const tcpdump = pair.start(
          namespace,
          "tcpdump",
          "-i",
          "veth0",
          "-n",
          "-s",
          "160",
          "-B",
          "8192",
          "--time-stamp-precision=nano",
          "-w",
          file,
          filter,
        );
        await once(tcpdump.stderr!, "data");
        return { file, tcpdump };
      }),
    );
    await sleep(300);
    const measured = await measure();
    // tcpdump hands blocks over once a second. (Immediate mode would wake it at every packet, between the capture's
    // stamp and the driver's: 4 µs that are not the network's.)
    await sleep(1_500);
    for (const { tcpdump } of captures) {
      tcpdump.kill("SIGINT");
      await once(tcpdump, "exit");
    }
    return { measured, packets: captures.map(({ file }) => readPcap(file, originS)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
