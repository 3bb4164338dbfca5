import { once } from "node:events";
import { parseArgs } from "node:util";
import type { AgentEnd } from "../agent-process.ts";
import { openControl } from "../control.ts";
import { FaultSyntaxError, parseFault } from "../faults/grammar.ts";
import { openGateways, untilAnswering, type NodeUrls, type Reachable } from "../gateways.ts";
import { createLab, whyNoNamespaces, type Lab } from "../lab.ts";
import { removeLeftovers } from "../leftovers.ts";
import { createLoopbackLab, NOT_ON_LOOPBACK, whyNoIcmp } from "../loopback.ts";
import { LabError } from "../machine.ts";
import { MAX_NODES, MAX_ZONES, planLab, type LabNode } from "../plan.ts";
import { EXIT, UsageError, type Command } from "../../agent/cli/command.ts";

const ANSWER_DEADLINE_MS = 20_000;
/** What to type in another terminal: a clone has no `internode` on the path, but npm started us. */
const INTERNODE = process.env["npm_lifecycle_event"] === undefined ? "internode" : "npm run internode --";

export const command: Command = {
  summary: "Bring up a mesh on this one machine and show its page",
  help: `
Usage: internode demo [options]

As root on Linux: network namespaces as nodes, an underlay between them (the node network), a VXLAN overlay with a pod
behind each node (the pod network), and an agent in every pod. Nothing is put into the machine's own namespace.
Without root: agents on loopback addresses. It says what that cannot show.
Ctrl-C stops it and removes everything. 'internode fault' breaks something while it runs.

  --nodes N        nodes, 2 to ${MAX_NODES} (default 6)
  --zones N        zones they are spread over, 1 to ${MAX_ZONES} (default 3)
  --port PORT      page of the first node on 127.0.0.1; the next nodes' follow, metrics are 1000 above
                   (default 8843, or the next block that is free)
  --fault "TEXT"   begin with this fault; may be given again. 'internode fault --help' has the grammar
  --ipv6           IPv6 beside IPv4
  --host-ports     probe TCP and UDP on the node network too, as with hostPort in a cluster
  --loopback       agents on loopback addresses, even as root
  --clean          only remove what labs that were killed have left behind

Exit: 0 stopped, 1 the mesh could not be brought up or an agent ended by itself, 2 bad usage.`,
  async run(args, signal) {
    const options = parse(args);
    const progress = progressLines();
    // A terminal that is closed, or a pipe that nobody reads any more, must not leave a lab behind either.
    const hangUp = new AbortController();
    const onHangUp = () => hangUp.abort();
    process.on("SIGHUP", onHangUp);
    for (const stream of [process.stdout, process.stderr]) stream.on("error", onHangUp);
    const stop = AbortSignal.any([signal, hangUp.signal]);
    try {
      await sweep(progress, options.clean);
      return options.clean ? EXIT.fine : await demonstrate({ options, progress, signal: stop });
    } catch (err) {
      if (stop.aborted && (err as Error).name === "AbortError") return EXIT.fine;
      if (!(err instanceof LabError)) throw err;
      console.error(`internode demo: ${err.message}`);
      return EXIT.broken;
    } finally {
      process.off("SIGHUP", onHangUp);
    }
  },
};

interface Options {
  readonly nodes: number;
  readonly zones: number;
  readonly port: number | undefined;
  readonly faults: readonly string[];
  readonly ipv6: boolean;
  readonly hostPorts: boolean;
  readonly loopback: boolean;
  readonly clean: boolean;
}

function parse(args: readonly string[]): Options {
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
      "--loopback has one network and no faults: leave out --ipv6, --host-ports and --fault, or run it as root without --loopback",
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

type Progress = (step: string) => void;

function progressLines(): Progress {
  const start = performance.now();
  return (step) => console.log(`[${((performance.now() - start) / 1_000).toFixed(1)} s] ${step}`);
}

async function sweep(progress: Progress, isAll: boolean): Promise<void> {
  const { removed, running } = await removeLeftovers();
  for (const id of removed) progress(`removed lab inode-${id}, left behind by a process that was killed`);
  for (const { id, owner } of running) progress(`lab inode-${id} is running (process ${owner.pid}) and stays as it is`);
  if (isAll && removed.length === 0) progress("nothing was left behind");
}

async function demonstrate({
  options,
  progress,
  signal,
}: {
  options: Options;
  progress: Progress;
  signal: AbortSignal;
}): Promise<number> {
  let ended = 0;
  const onAgentEnd = (end: AgentEnd): void => {
    ended++;
    console.error(agentEndMessage(end));
  };
  await using mesh = await bringUp({ options, progress, onAgentEnd });
  await using gateways = await openGateways(mesh.lab, options.port);
  const [first] = gateways.urls;
  await untilAnswering(mesh.lab, first!.name, { deadlineMs: ANSWER_DEADLINE_MS, signal });
  for (const fault of options.faults) {
    const { id, text } = await mesh.breakable!.inject(fault);
    progress(`fault ${id} begins: ${text}`);
  }
  await using control = mesh.breakable && (await openControl(mesh.breakable, { onChange: progress }));
  progress(`the page answers at ${first!.page}`);
  console.log(welcome({ lab: mesh.lab, urls: gateways.urls, canBreak: mesh.breakable !== undefined }));
  if (!signal.aborted) await once(signal, "abort");
  progress("stopping");
  await control?.[Symbol.asyncDispose]();
  await gateways[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
  progress("everything is removed");
  return ended > 0 ? EXIT.broken : EXIT.fine;
}

interface Mesh extends AsyncDisposable {
  readonly lab: Reachable;
  /** The same lab, where something can be broken in it. */
  readonly breakable: Lab | undefined;
}

async function bringUp({
  options,
  progress,
  onAgentEnd,
}: {
  options: Options;
  progress: Progress;
  onAgentEnd: (end: AgentEnd) => void;
}): Promise<Mesh> {
  const obstacle = options.loopback ? "--loopback was given" : await whyNoNamespaces();
  if (obstacle === undefined) {
    const lab = await createLab({ ...options, onAgentEnd, onProgress: progress });
    return { lab, breakable: lab, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
  }
  // Root lacks only the tools, and can have them: a lesser lab would hide that.
  if (!options.loopback && process.geteuid?.() === 0 && process.platform === "linux")
    throw new LabError(`${obstacle}. Or take the lesser one: --loopback`);
  if (options.faults.length > 0 || options.ipv6 || options.hostPorts)
    throw new LabError(`--fault, --ipv6 and --host-ports need network namespaces: ${obstacle}`);
  progress(`no network namespaces (${obstacle}): agents on loopback addresses instead`);
  const lab = await createLoopbackLab({ nodes: options.nodes, zones: options.zones, onAgentEnd });
  const icmp = await whyNoIcmp();
  console.log(["What this cannot show:", ...NOT_ON_LOOPBACK, ...(icmp === undefined ? [] : [icmp])].join("\n  - "));
  console.log("As root (sudo) it shows all of it.");
  return { lab, breakable: undefined, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
}

function welcome({ lab, urls, canBreak }: { lab: Mesh["lab"]; urls: readonly NodeUrls[]; canBreak: boolean }): string {
  const zones = Map.groupBy(lab.nodes, (node) => node.zone);
  const lines = [
    "",
    `  ${lab.nodes.length} nodes: ${[...zones].map(([zone, nodes]) => `${zone} has ${nodes.map((node) => node.name).join(", ")}`).join("; ")}`,
    "",
    `  Page      ${urls[0]!.page}`,
    ...urls.map(({ name, metrics }, i) => `  ${i === 0 ? "Metrics" : "       "}   ${metrics}  (${name})`),
    `  Matrix    ${INTERNODE} matrix --url ${urls[0]!.page}`,
    ...(canBreak
      ? [
          "",
          "  Break something, in another terminal:",
          ...examples(lab.nodes.map((node) => node.name)).map((fault) => `    ${INTERNODE} fault "${fault}"`),
          `    ${INTERNODE} fault clear`,
        ]
      : []),
    "",
    "  Ctrl-C stops it and removes everything.",
    "",
  ];
  return lines.join("\n");
}

function examples(nodes: readonly string[]): string[] {
  const [first, second, , fourth = first] = nodes;
  return [`loss ${second}->${fourth} 20%`, `delay ${first}<->${nodes.at(-1)} 20ms on pod`, `kill ${nodes.at(-1)}`];
}

function agentEndMessage({ node, how, lastWords, logFile }: AgentEnd): string {
  return [
    `internode demo: the agent of ${node} ended by itself (${how}). The end of ${logFile}:`,
    ...lastWords.map((line) => `  ${line}`),
  ].join("\n");
}
