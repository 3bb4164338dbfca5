// When the kernel hands packets to a driver, by its own trace of that moment (the event net:net_dev_start_xmit). What a
// packet capture spends on an outgoing packet lies before it; the driver's stamp, which is the agent's, after it.
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToEnd } from "../support/run-to-end.ts";

/** Of each CPU; a hand-over takes less than 100 bytes. */
const BUFFER_KIB = 4_096;

export interface TraceRefused {
  readonly refused: string;
}

export interface TransmitTrace extends Disposable {
  /** Hand-overs so far, ascending: nanoseconds of the real-time clock since `originS`. */
  read(originS: number): readonly number[];
}

/**
 * Of all devices of this name, in whatever namespace, and of packets of this size upwards. Refused where the kernel does
 * not let us, or does not know the trace clock yet.
 */
export function traceTransmits({
  device,
  minBytes,
}: {
  readonly device: string;
  readonly minBytes: number;
}): TransmitTrace | TraceRefused {
  const folder = mkdtempSync(join(tmpdir(), "internode-trace-"));
  const undo: (() => void)[] = [() => rmdirSync(folder)];
  const dispose = () => {
    process.off("exit", dispose);
    for (const step of undo.splice(0).toReversed()) step();
  };
  process.on("exit", dispose);
  try {
    // A mount of our own: whether the system has one, and where, does not matter.
    runToEnd(["mount", "-t", "tracefs", "tracefs", folder]);
    undo.push(() => runToEnd(["umount", folder]));
    const instance = join(folder, "instances", `internode-bench-${process.pid}`);
    mkdirSync(instance);
    undo.push(() => rmdirSync(instance));
    const event = "events/net/net_dev_start_xmit";
    const write = (file: string, text: string) => writeFileSync(join(instance, file), text);
    write("buffer_size_kb", String(BUFFER_KIB));
    // The real-time clock but for whole seconds, which makes the stamps comparable with a capture's.
    write("trace_clock", "tai");
    // Otherwise it prints microseconds.
    write("trace_options", "raw");
    write(`${event}/filter`, `name == "${device}" && len >= ${minBytes}`);
    write(`${event}/enable`, "1");
    undo.push(() => write(`${event}/enable`, "0"));
    return {
      read(originS) {
        const marker = `internode-${process.hrtime.bigint()}`;
        const nowS = Date.now() / 1000;
        write("trace_marker", marker);
        const lines = readFileSync(join(instance, "trace"), "latin1").split("\n");
        const leapS = Math.round(Number(stampOf(lines.find((line) => line.includes(marker))!)) / 1e9 - nowS);
        const originNs = BigInt(originS + leapS) * 1_000_000_000n;
        return lines
          .filter((line) => line.includes(" type: "))
          .map((line) => Number(stampOf(line) - originNs))
          .sort((a, b) => a - b);
      },
      [Symbol.dispose]: dispose,
    };
  } catch (err) {
    dispose();
    return { refused: (err as Error).message.split("\n")[0]! };
  }
}

/** A line is: process, CPU, nanoseconds, and what happened. */
const stampOf = (line: string): bigint => BigInt(line.trim().split(/\s+/)[2]!);
