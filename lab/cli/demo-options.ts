// What `internode demo` is asked for.
import type { Command as Parser } from "commander";
import { UsageError, type Typed } from "../../agent/cli/command.ts";
import { FaultSyntaxError, parseFault } from "../faults/grammar.ts";
import { MAX_NODES, MAX_PATHS, MAX_ZONES, planLab, type LabPlan } from "../plan.ts";

export interface DemoOptions {
  readonly nodes: number;
  readonly zones: number;
  readonly paths: number;
  readonly port: number | undefined;
  readonly faults: readonly string[];
  readonly ipv6: boolean;
  readonly hostPorts: boolean;
  readonly loopback: boolean;
  readonly clean: boolean;
}

export const declareDemo = (parser: Parser): Parser =>
  parser
    .option("--nodes <N>", `nodes, 2 to ${MAX_NODES}`, "6")
    .option("--zones <N>", `zones they are spread over, 1 to ${MAX_ZONES} (default: 3, or as many as nodes)`)
    .option("--paths <N>", `equal paths between the nodes, one for each flow, 1 to ${MAX_PATHS}`, "1")
    .option(
      "--port <PORT>",
      "page of the first node on 127.0.0.1; the next nodes' follow, metrics are 1000 above (default: 8843, or the next block that is free)",
    )
    .option(
      "--fault <TEXT>",
      "begin with this fault; may be given again. 'internode fault --help' has the grammar",
      also,
      [],
    )
    .option("--ipv6", "IPv6 beside IPv4", false)
    .option("--host-ports", "probe TCP and UDP on the node network too, as with hostPort in a cluster", false)
    .option("--loopback", "agents on loopback addresses, even where the whole lab could be had", false)
    .option("--clean", "only remove what labs that were killed have left behind", false);

const also = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** Throws UsageError. */
export function readDemoOptions(typed: Typed["options"]): DemoOptions {
  const values = typed as {
    readonly nodes: string;
    readonly zones?: string;
    readonly paths: string;
    readonly port?: string;
    readonly fault: readonly string[];
  } & Pick<DemoOptions, "ipv6" | "hostPorts" | "loopback" | "clean">;
  const nodes = wholeNumber("nodes", values.nodes, { min: 2, max: MAX_NODES })!;
  const zones = wholeNumber("zones", values.zones, { min: 1, max: Math.min(nodes, MAX_ZONES) }) ?? Math.min(3, nodes);
  const paths = wholeNumber("paths", values.paths, { min: 1, max: MAX_PATHS })!;
  const port = wholeNumber("port", values.port, { min: 1, max: 65_535 - 1_000 - nodes });
  const { ipv6, hostPorts, loopback, clean } = values;
  const parsed = { nodes, zones, paths, port, faults: values.fault, ipv6, hostPorts, loopback, clean };
  // A fault that is none is told before anything is built.
  const plan = planLab("000000", { nodes, zones, ipv6, paths });
  for (const fault of parsed.faults) understand(fault, plan);
  if (loopback && (ipv6 || hostPorts || paths > 1 || parsed.faults.length > 0))
    throw new UsageError(
      "--loopback has one network and no faults: leave out --ipv6, --host-ports, --paths and --fault, or run it without --loopback",
    );
  return parsed;
}

function understand(fault: string, { nodes, paths }: LabPlan): void {
  try {
    parseFault(fault, nodes, paths);
  } catch (err) {
    throw err instanceof FaultSyntaxError ? new UsageError(err.message) : err;
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
