// What `internode demo` is asked for.
import { parseArgs } from "node:util";
import { UsageError } from "../../agent/cli/command.ts";
import { FaultSyntaxError, parseFault } from "../faults/grammar.ts";
import { MAX_NODES, MAX_ZONES, planLab, type LabNode } from "../plan.ts";

export interface DemoOptions {
  readonly nodes: number;
  readonly zones: number;
  readonly port: number | undefined;
  readonly faults: readonly string[];
  readonly ipv6: boolean;
  readonly hostPorts: boolean;
  readonly loopback: boolean;
  readonly clean: boolean;
}

/** Throws UsageError. */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const { values } = parseOrExplain(args);
  const nodes = wholeNumber("nodes", values.nodes, { min: 2, max: MAX_NODES }) ?? 6;
  const zones = wholeNumber("zones", values.zones, { min: 1, max: Math.min(nodes, MAX_ZONES) }) ?? Math.min(3, nodes);
  const port = wholeNumber("port", values.port, { min: 1, max: 65_535 - 1_000 - nodes });
  const { ipv6, "host-ports": hostPorts, loopback, clean } = values;
  const parsed = { nodes, zones, port, faults: values.fault, ipv6, hostPorts, loopback, clean };
  // A fault that is none is told before anything is built.
  const plan = planLab("000000", { nodes, zones, ipv6 });
  for (const fault of parsed.faults) understand(fault, plan.nodes);
  if (loopback && (ipv6 || hostPorts || parsed.faults.length > 0))
    throw new UsageError(
      "--loopback has one network and no faults: leave out --ipv6, --host-ports and --fault, or run it without --loopback",
    );
  return parsed;
}

function understand(fault: string, nodes: readonly LabNode[]): void {
  try {
    parseFault(fault, nodes);
  } catch (err) {
    throw err instanceof FaultSyntaxError ? new UsageError(err.message) : err;
  }
}

function parseOrExplain(args: readonly string[]) {
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        nodes: { type: "string" },
        zones: { type: "string" },
        port: { type: "string" },
        fault: { type: "string", multiple: true, default: [] },
        ipv6: flag,
        "host-ports": flag,
        loopback: flag,
        clean: flag,
      },
    });
  } catch (err) {
    throw new UsageError((err as Error).message);
  }
}

function wholeNumber(
  name: string,
  text: string | undefined,
  { min, max }: { min: number; max: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not '${text}'`);
}
