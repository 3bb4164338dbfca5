// Every command in every format, asked of agents that put into each name and reason what would be obeyed by whoever shows
// it. (What objects of the cluster can say: report-hostile.test.ts.)
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { COMMANDS } from "../../agent/cli/commands.ts";
import { runCommand } from "../../agent/cli/run.ts";
import { judgeSnapshot } from "../../agent/diagnosis/judge-snapshot.ts";
import type { Snapshot } from "../../agent/model/snapshot.ts";
import { lineText } from "../../agent/actions/lines.ts";
import { hostileLines } from "../support/hostile-actions.ts";
import { HOSTILE, OBEYED } from "../support/hostile.ts";
import { sampleView, type SampleView } from "../support/sample-views.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";

const CASES: Readonly<Record<string, string>> = {
  ...HOSTILE,
  "a formula": '=HYPERLINK("http://192.0.2.1","x")',
  "a formula by a sign": "@SUM(A1)",
  "a table's border and a link": "a | b [x](http://192.0.2.1)",
  "a fence that ends": "```\n# all fine",
  "a string of DOT that ends": 'a"]; b [label="c',
};
const REPORT = ["table", "json", "markdown", "html"];
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  doctor: ["table", "json", "markdown"],
  matrix: ["table", "wide", "json", "csv", "markdown", "html"],
  topology: [...REPORT, "dot", "svg"],
  cni: REPORT,
  dns: REPORT,
  policy: REPORT,
  cleanup: REPORT,
  routes: REPORT,
  interfaces: REPORT,
  neighbours: REPORT,
  sockets: REPORT,
  counters: REPORT,
  all: REPORT,
};
const ACTIONS = [
  ["connect", "node-1", "node-2", "22"],
  ["ping", "node-1", "node-2"],
  ["trace", "node-1", "node-2"],
  ["mtu", "node-1", "node-2"],
  ["throughput", "node-1", "node-2", "--yes"],
];
const LINES = [
  ...Object.entries(FORMATS).flatMap(([command, formats]) =>
    formats.map((format) => [command, "-o", format, ...(command === "counters" ? ["--interval=0"] : [])]),
  ),
  ["doctor", "--short"],
  ["troubleshoot"],
  ["troubleshoot", "-o", "json"],
  ["all", "-o", "html", "--redact"],
  ...["routes", "interfaces", "neighbours", "sockets"].map((command) => [command, "--all"]),
  ["counters", "--all", "--interval=0"],
  ...FORMATS["matrix"]!.map((format) => ["matrix", "-o", format, "--now"]),
  ...ACTIONS.flatMap((words) => [words, [...words, "-o", "json"]]),
];

let server: Server;
let served: Snapshot;
let out: string;
let err: string;
let bad: string;
/** How actions go: as far as a result, or to an error or a refusal with the text in it. */
let acting: "whole" | "failing" | "refused";
beforeEach(async () => {
  [out, err, acting] = ["", "", "whole"];
  vi.spyOn(console, "log").mockImplementation((text: string) => void (out += `${text}\n`));
  vi.spyOn(console, "error").mockImplementation((text: string) => void (err += `${text}\n`));
  server = createServer(({ url }, response) => {
    const action = /^\/api\/v1\/actions\/([a-z]+)/.exec(url!)?.[1];
    if (action !== undefined) {
      if (acting === "refused") return void response.writeHead(409).end(JSON.stringify({ error: bad }));
      const lines = hostileLines(acting === "failing" ? "none" : action, bad, served);
      return void response.end(lines.map(lineText).join(""));
    }
    if (url!.startsWith("/api/v1/peers"))
      return void response.end(
        JSON.stringify({ node: served.nodes[0], peers: served.nodes.slice(1).map((node) => ({ node })) }),
      );
    if (url!.startsWith("/api/v1/node")) {
      const of = new URL(url!, "http://127.0.0.1").searchParams.get("of");
      return void response.end(
        JSON.stringify(hostileView(served.nodes.find(({ name }) => name === of) ?? served.nodes.at(-1)!)),
      );
    }
    const isVerdict = url!.startsWith("/api/v1/verdict");
    response.end(JSON.stringify(isVerdict ? judgeSnapshot(served) : served));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await new Promise((resolve) => server.close(resolve));
});

function hostileMesh(bad: string): Snapshot {
  const names = ["node-1", "node-2", "node-3", bad];
  const mesh = sampleSnapshot({ nodes: 4, zones: 1, names, dead: { [bad]: bad }, udp: true });
  return {
    ...mesh,
    nodes: mesh.nodes.map((node) => ({ ...node, zone: bad })),
    rows: mesh.rows.map((row) => ({ ...row, dns: [{ server: bad, names: bad, lookups: 4, failures: 4 }] })),
  };
}

/** Its texts are as long as a view may have them. */
function hostileView(node: Snapshot["nodes"][number]): SampleView {
  const bad = node.zone;
  const view = sampleView(node, 4);
  const short = bad.slice(0, 60);
  for (const device of view.interfaces.items)
    Object.assign(device, { name: short, kind: short, state: short, master: short });
  for (const route of view.routes.items)
    Object.assign(route, { table: short, type: short, protocol: short, hops: [{ device: short }] });
  for (const entry of [...view.neighbours.items, ...view.forwarding.items])
    Object.assign(entry, { device: short, hardwareAddress: short, state: short });
  for (const rule of view.rules.items) Object.assign(rule, { selector: bad, action: short });
  for (const socket of view.sockets.items) Object.assign(socket, { state: short });
  const hidden = { visible: false, reason: bad };
  return Object.assign(view, {
    conntrack: hidden,
    sysctls: { [short]: short },
    resolver: { visible: true, servers: [short], search: [bad], options: [short] },
    protocols: { visible: true, counters: { [`${short}Drops`]: 1 } },
  });
}

// eslint-disable-next-line no-control-regex
const OWN_COLOURS = /\u001b\[\d+m/g;
const shown = (text: string): string => text.replaceAll(OWN_COLOURS, "").replaceAll(/\r?\n/g, "");
const ask = (words: readonly string[]): Promise<number> =>
  runCommand(COMMANDS, [...words, "--url", `http://127.0.0.1:${(server.address() as AddressInfo).port}`]);

describe.each(LINES.map((words) => [words.join(" "), words] as const))("internode %s", (_, words) => {
  test.each(Object.entries(CASES))("obeys no text with %s", async (_, text) => {
    bad = text;
    served = hostileMesh(bad);
    const line = [...words];
    expect([0, 1]).toContain(await ask(line));
    expect(shown(out + err)).not.toMatch(OBEYED);
    expect(out).not.toMatch(/^nothing broken|^# all fine/m);
    const format = line[line.indexOf("-o") + 1 || line.length] ?? "table";
    // What stands in a code span of Markdown is shown as it is.
    const read = format === "markdown" ? out.replaceAll(/(?<!\\)(`+)(?:(?!\1).)*\1/g, "") : out;
    expect(read).not.toMatch(OBEYED_IN[format] ?? /$^/);
  });
});

describe.each(ACTIONS.map((words) => [words.join(" "), words] as const))("internode %s", (_, words) => {
  test.each(
    Object.entries(CASES).flatMap(([what, text]) =>
      (["failing", "refused"] as const).map((how) => [how, what, text] as const),
    ),
  )("that is %s obeys no text with %s", async (how, _, text) => {
    [bad, acting] = [text, how];
    served = hostileMesh(bad);
    expect(await ask(words)).toBe(1);
    expect(err).not.toBe("");
    expect(shown(out + err)).not.toMatch(OBEYED);
  });
});

/** What a reader of the format would act on. */
const OBEYED_IN: Readonly<Record<string, RegExp>> = {
  html: /<script|<[^>]* onmouseover=/,
  svg: /<script|<[^>]* onmouseover=/,
  // A tag, a link, and a fence that is not escaped.
  markdown: /(?<!\\)<\w|(?<!\\)\]\(http/,
  csv: /(?:^|,)"?[=@+]/m,
  dot: /"a"\]; b \[/,
};
