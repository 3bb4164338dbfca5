// The whole report: what every command that only reads finds, in one go and one file.
import { randomBytes } from "node:crypto";
import { access, constants, stat, writeFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { V1Namespace } from "@kubernetes/client-node";
import { Option } from "commander";
import { forLog, forText } from "../base/escape.ts";
import { VERSION } from "../model/version.ts";
import { makeCleanup } from "./cleanup.ts";
import { KINDS, valueOf, type Objects } from "./cluster/objects.ts";
import { makeCni } from "./cni.ts";
import { EXIT, UsageError, type Command } from "./command.ts";
import { makeDns } from "./dns.ts";
import { makePolicy } from "./policy.ts";
import { Progress } from "./progress.ts";
import { declareReach, readReach } from "./reach.ts";
import { asHtml, asMarkdown, asTerminal, SCHEMA_VERSION } from "./report/render.ts";
import { text, type Report } from "./report/report.ts";
import { isUnreached, sourcesOf, type Sources, type Unreached } from "./sources.ts";
import { topologySvg } from "./survey/topology-picture.ts";
import { makeTopology } from "./topology.ts";
import { doctorPart, matrixPart } from "./whole/parts.ts";
import { NotedObjects } from "./whole/names.ts";
import { hostsIn, Redactor } from "./whole/redact.ts";

const MORE = `
Everything that only reads: doctor, matrix, topology, cni, dns, policy and cleanup. It goes on when an agent, a right or a resource
is missing, and says what. For a ticket: one HTML file that needs no other, below 25 MB; its size is told before it is written.

With --redact the names of all objects that were read (nodes, zones, namespaces, pods, policies, address pools …), addresses,
hosts and users become pseudonyms that are the same in every report of this cluster, in tables, sentences and JSON. Names that
every cluster has, such as default and kube-system, stay, and so do labels and free text that somebody wrote into an object.
Read the file before you send it.

Examples:
  internode all --context prod
  internode all --file report.html
  internode all --file report.html --redact
  internode all -o json | jq '.parts.doctor.headline'

Exit: 0 nothing is wrong, 1 something is or could not be seen, 2 bad usage.`;

const OUTPUTS = ["table", "html", "markdown", "json"] as const;
type Output = (typeof OUTPUTS)[number];
const OUTPUT_OF: Readonly<Record<string, Output>> = {
  ".html": "html",
  ".htm": "html",
  ".md": "markdown",
  ".json": "json",
};

/** What a ticket system takes. */
const MAX_BYTES = 25 * 1024 * 1024;

export const command: Command = {
  declare: (parser) =>
    void declareReach(parser)
      .addOption(
        new Option("-o, --output <FORMAT>", "how to print it (default: as FILE ends, else table)").choices(OUTPUTS),
      )
      .option("--file <FILE>", "write it there instead of printing it: report.html, report.md, report.json")
      .option("--redact", "pseudonyms instead of names and addresses")
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const {
      file,
      output = OUTPUT_OF[extname(file ?? "").toLowerCase()] ?? "table",
      redact,
    } = typed.options as {
      readonly output?: Output;
      readonly file?: string;
      readonly redact?: boolean;
    };
    const reach = readReach(typed);
    // Before anybody is asked: a report that nobody can keep would be for nothing.
    if (file !== undefined) await writing(() => checkWritable(file));
    let whole: Whole;
    try {
      whole = await makeWhole(sourcesOf(reach, signal), { redact: redact === true });
    } catch (err) {
      if (signal.aborted) return EXIT.broken;
      throw err;
    }
    const document = rendered(whole, output);
    const bytes = Buffer.byteLength(document);
    if (file === undefined) console.log(document);
    else {
      console.error(`internode all: ${sizeText(bytes)} to ${file}`);
      if (bytes > MAX_BYTES) console.error("internode all: that is more than most ticket systems take (25 MB)");
      // Colours are for the terminal that this runs on.
      await writing(() => writeFile(file, `${stripVTControlCharacters(document)}\n`, { mode: 0o600 }));
    }
    return whole.reports.some(({ isFault }) => isFault) ? EXIT.broken : EXIT.fine;
  },
};

async function writing(step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (err) {
    throw new UsageError(`--file: ${forText((err as Error).message)}`);
  }
}

/** Rejects where the file could not be written. It makes none: what is interrupted leaves nothing behind. */
async function checkWritable(file: string): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (there?.isDirectory() === true) throw new Error(`${file} is a folder: name a file in it`);
  await access(there === undefined ? dirname(file) : file, constants.W_OK);
}

export interface Whole {
  readonly at: string;
  readonly isRedacted: boolean;
  readonly reports: readonly Report[];
  readonly pictures: readonly string[];
}

export async function makeWhole(given: Sources, { redact = false } = {}): Promise<Whole> {
  const sources = redact ? noted(given) : given;
  using progress = new Progress();
  progress.step("asking the agents and the API server");
  const mesh = await sources.mesh();
  const topology = await makeTopology(sources);
  const reports: Report[] = [doctorPart(mesh), matrixPart(mesh), topology];
  for (const [title, make] of [
    ["cni", makeCni],
    ["dns", makeDns],
    ["policy", makePolicy],
    ["cleanup", makeCleanup],
  ] as const) {
    progress.step(`reading for ${title}`);
    try {
      reports.push(await make(sources));
    } catch (err) {
      if (sources.signal.aborted) throw err;
      // One part that fails in a way nobody thought of must not cost the others.
      reports.push(failed(title, err));
    }
  }
  const at = new Date().toISOString();
  if (!redact) return { at, isRedacted: false, reports, pictures: [topologySvg(topology.data)] };
  const names = await namesOf(sources, topology.data.nodes);
  for (const host of hostsIn(JSON.stringify(reports))) names.set(host, "host");
  const redactor = new Redactor(await keyOf(sources), names);
  // A picture is drawn from names and addresses alone.
  return { at, isRedacted: true, reports: reports.map((report) => redactor.report(report)), pictures: [] };
}

const failed = (title: string, err: unknown): Report => ({
  title,
  headline: `This part failed: ${(err as Error).message}`,
  isFault: true,
  sections: [{ title: "What to do", blocks: [text(`Please report it, with the version: internode ${VERSION}.`)] }],
  data: {},
});

function rendered({ at, isRedacted, reports, pictures }: Whole, output: Output): string {
  const head = `internode ${VERSION}, ${at}${isRedacted ? ", names and addresses replaced" : ""}`;
  switch (output) {
    case "table":
      return [head, ...reports.map((report) => `── ${report.title} ──\n${asTerminal(report)}`)].join("\n\n");
    case "markdown":
      return [head, ...reports.map((report) => `# ${report.title}\n\n${asMarkdown(report)}`)].join("\n\n");
    case "html":
      return asHtml(reports, { pictures, head });
    case "json":
      return forLog(
        JSON.stringify(
          {
            schemaVersion: SCHEMA_VERSION,
            version: VERSION,
            at,
            redacted: isRedacted,
            parts: Object.fromEntries(
              reports.map(({ title, headline, isFault, data }) => [title, { headline, isFault, ...data }]),
            ),
          },
          null,
          2,
        ),
      );
  }
}

/** The same for every report of one cluster, and known to nobody outside; else of this report alone. */
async function keyOf(sources: Sources): Promise<string> {
  const objects = await sources.objects();
  const system = isUnreached(objects)
    ? undefined
    : valueOf(await objects.get<V1Namespace>(KINDS.namespaces, "kube-system"));
  return system?.metadata?.uid ?? randomBytes(16).toString("hex");
}

/** The same sources; the names of what is read through them are noted. */
function noted(sources: Sources): Sources {
  let objects: Promise<Objects | Unreached> | undefined;
  return {
    ...sources,
    objects: () => (objects ??= sources.objects().then((read) => (isUnreached(read) ? read : new NotedObjects(read)))),
  };
}

async function namesOf(
  sources: Sources,
  nodes: readonly { readonly name: string; readonly zone: string }[],
): Promise<Map<string, string>> {
  const [mesh, objects] = await Promise.all([sources.mesh(), sources.objects()]);
  // Namespaces in a sentence of the API server are noted too, though no part lists them.
  if (!isUnreached(objects)) await objects.list<V1Namespace>(KINDS.namespaces);
  const names = new Map(objects instanceof NotedObjects ? objects.names : []);
  const known = [...nodes, ...(isUnreached(mesh) ? [] : mesh.snapshot.nodes)];
  for (const { zone } of known) names.set(zone, "zone");
  for (const { name } of known) names.set(name, "node");
  return names;
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
