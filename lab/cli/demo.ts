import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { EXIT, type Command } from "../../agent/cli/command.ts";
import { writePages } from "../demo-token.ts";
import type { AgentEnd } from "../agent-process.ts";
import { openControl } from "../control.ts";
import { openGateways, untilAnswering, type NodeUrls, type Reachable } from "../gateways.ts";
import { createLab, type Lab } from "../lab.ts";
import { removeLeftovers } from "../leftovers.ts";
import { createLoopbackLab, NOT_ON_LOOPBACK } from "../loopback.ts";
import { LabError } from "../machine.ts";
import { openPorts } from "../ports.ts";
import { sizeOf, thisMachine } from "../size.ts";
import { inWords, refusalOf } from "../rights.ts";
import { fromOutside, runInside, type Outside } from "../user-namespace.ts";
import { declareDemo, readDemoOptions, type DemoOptions } from "./demo-options.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
/** What to type in another terminal: a clone has no `internode` on the path, but npm started us. */
const INTERNODE = process.env["npm_lifecycle_event"] === undefined ? "internode" : "npm run internode --";

const MORE = `
Network namespaces as nodes, an underlay between them (the node network), a VXLAN overlay with a pod behind each node
(the pod network), and an agent in every pod. Nothing is put into the machine's own namespace. Without the right to make
them, all of it is in a user namespace; where that is forbidden too (it says by what, and what would allow it), agents
run on loopback addresses, and it says what those cannot show.
Ctrl-C stops it and removes everything. 'internode fault' breaks something while it runs.

Exit: 0 stopped, 1 the mesh could not be brought up or an agent ended by itself, 2 bad usage.`;

export const command: Command = {
  declare: (parser) => void declareDemo(parser).addHelpText("after", MORE),
  async run(typed, signal) {
    const args = typed.words;
    const options = readDemoOptions(typed.options);
    const progress = progressLines();
    // A terminal that is closed, or a pipe that nobody reads any more, must not leave a lab behind either.
    const hangUp = new AbortController();
    const onHangUp = () => hangUp.abort();
    process.on("SIGHUP", onHangUp);
    for (const stream of [process.stdout, process.stderr]) stream.on("error", onHangUp);
    let stop = AbortSignal.any([signal, hangUp.signal]);
    try {
      using outside = await fromOutside();
      if (outside) stop = AbortSignal.any([stop, outside.stop]);
      // Outside has swept already.
      else await sweep(progress, options.clean);
      return options.clean ? EXIT.fine : await demonstrate({ args, options, outside, progress, signal: stop });
    } catch (err) {
      if (stop.aborted && (err as Error).name === "AbortError") {
        progress("stopped before it was up; everything is removed");
        return EXIT.fine;
      }
      if (!(err instanceof LabError)) throw err;
      console.error(`internode demo: ${err.message}`);
      return EXIT.broken;
    } finally {
      process.off("SIGHUP", onHangUp);
    }
  },
};

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

interface Demonstration {
  readonly args: readonly string[];
  readonly options: DemoOptions;
  readonly outside: Outside | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function demonstrate({ args, options, outside, progress, signal }: Demonstration): Promise<number> {
  await using ports = outside?.ports ?? (await openPorts(options.nodes, options.port));
  const place = outside ? { kind: "namespaces" as const } : await placeFor(options);
  if (place.kind === "user namespace") {
    progress("the machine's own network namespaces may not be made: a user namespace has its own");
    return await runInside([process.execPath, MAIN, "demo", ...args], ports, signal);
  }
  let ended = 0;
  const onAgentEnd = (end: AgentEnd): void => {
    ended++;
    console.error(agentEndMessage(end));
  };
  await using mesh = await bringUp({ place, options, progress, onAgentEnd, signal });
  await using gateways = openGateways(mesh.lab, ports);
  await writePages(mesh.lab.directory, gateways.urls);
  const [first] = gateways.urls;
  await untilAnswering(mesh.lab, first!.name, { signal });
  for (const fault of options.faults) {
    const { id, text } = await mesh.breakable!.inject(fault);
    progress(`fault ${id} begins: ${text}`);
  }
  await using control = mesh.breakable && (await openControl(mesh.breakable, { onChange: progress }));
  progress(`the page answers at ${first!.page}`);
  console.log(welcome({ ...mesh, urls: gateways.urls }));
  if (!signal.aborted) await once(signal, "abort");
  progress("stopping");
  await control?.[Symbol.asyncDispose]();
  await gateways[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
  progress("everything is removed");
  return ended > 0 ? EXIT.broken : EXIT.fine;
}

/** Where a mesh can be: the whole lab, here or in a user namespace, or the lesser one and why it must be that. */
type Place =
  | { readonly kind: "namespaces" }
  | { readonly kind: "user namespace" }
  | { readonly kind: "loopback"; readonly reasons: readonly string[] };

async function placeFor(options: DemoOptions): Promise<Place> {
  if (options.loopback) return { kind: "loopback", reasons: [] };
  const own = await refusalOf("namespaces");
  if (!own) return { kind: "namespaces" };
  const user = await refusalOf("user namespaces");
  if (!user) return { kind: "user namespace" };
  const reasons =
    own.reason === user.reason
      ? [inWords(own)]
      : [`the machine's own: ${inWords(own)}`, `in a user namespace: ${inWords(user)}`];
  if (options.faults.length > 0 || options.ipv6 || options.hostPorts || options.paths > 1)
    throw new LabError(
      ["--fault, --ipv6, --host-ports and --paths need network namespaces, which cannot be had here", ...reasons].join(
        "\n  ",
      ),
    );
  return { kind: "loopback", reasons };
}

interface Mesh extends AsyncDisposable {
  readonly lab: Reachable & { readonly directory: string };
  /** The same lab, where something can be broken in it. */
  readonly breakable: Lab | undefined;
}

interface BringUp {
  readonly place: Exclude<Place, { readonly kind: "user namespace" }>;
  readonly options: DemoOptions;
  readonly progress: Progress;
  readonly onAgentEnd: (end: AgentEnd) => void;
  readonly signal: AbortSignal;
}

async function bringUp({ place, options, progress, onAgentEnd, signal }: BringUp): Promise<Mesh> {
  const { settings, remarks } = sizeOf(options.nodes, thisMachine());
  for (const remark of remarks) progress(remark);
  const waiting = { onAgentEnd, onProgress: progress, signal };
  if (place.kind === "namespaces") {
    const lab = await createLab({ ...options, servicePath: true, dns: true, settings, ...waiting });
    return { lab, breakable: lab, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
  }
  progress("agents on loopback addresses");
  const lab = await createLoopbackLab({
    nodes: options.nodes,
    zones: options.zones,
    settings,
    ...waiting,
  });
  const icmp = await refusalOf("icmp");
  const missing = [...NOT_ON_LOOPBACK, ...(icmp ? [`ICMP, which is not measured: ${inWords(icmp)}`] : [])];
  console.log(["What this cannot show:", ...missing].join("\n  - "));
  if (place.reasons.length > 0)
    console.log(
      ["The whole lab would, but there are no network namespaces to be had:", ...place.reasons].join("\n  - "),
    );
  return { lab, breakable: undefined, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
}

function welcome({ lab, breakable, urls }: Mesh & { readonly urls: readonly NodeUrls[] }): string {
  const zones = Map.groupBy(lab.nodes, (node) => node.zone);
  const lines = [
    "",
    `  ${lab.nodes.length} nodes: ${[...zones].map(([zone, nodes]) => `${zone} has ${nodes.map((node) => node.name).join(", ")}`).join("; ")}`,
    "",
    `  Page      ${urls[0]!.page}`,
    ...urls.map(({ name, metrics }, i) => `  ${i === 0 ? "Metrics" : "       "}   ${metrics}  (${name})`),
    `  Matrix    ${INTERNODE} matrix --url ${urls[0]!.page}`,
    `  Actions   ${INTERNODE} connect ${lab.nodes[0]!.name} ${lab.nodes[1]!.name} 7843 --url ${urls[0]!.page}`,
    ...(breakable
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
