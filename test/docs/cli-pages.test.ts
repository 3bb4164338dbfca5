// The pages of commands say what these commands really print.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMMANDS } from "../../agent/cli/commands.ts";
import { LAB_COMMANDS } from "../../lab/cli/commands.ts";
import { CLIENT_COMMANDS } from "../../agent/cli/client-commands.ts";
import { LAB_PAGES, labPage } from "../../scripts/lab-pages.ts";
import { LIVE_PAGES, livePage, outputsOf } from "../../scripts/live-pages.ts";
import { NODE_PAGES, nodePage } from "../../scripts/node-pages.ts";
import { TOOLKIT_ROWS, toolkitPage } from "../../scripts/old-toolkit.ts";

const read = (path: string) => readFileSync(new URL(`../../docs/${path}`, import.meta.url), "utf8");

test.each(NODE_PAGES)(
  "the page of $command is what the command prints of recorded nodes (npm run golden)",
  async (page) => {
    expect(read(`cli/${page.command}.md`)).toBe(await nodePage(page));
  },
);

test.each(LIVE_PAGES)(
  "the page of $command has the command's own help and an output for each example",
  async (page) => {
    const text = read(`cli/${page.command}.md`);
    const outputs = outputsOf(text);
    expect(outputs).toHaveLength(page.examples.length);
    expect(outputs.filter((output) => output === "")).toEqual([]);
    expect(text).toBe(await livePage(page, outputs));
  },
);

test.each(LAB_PAGES)("the page of $command has the command's own help and an output for each example", async (page) => {
  const text = read(`cli/${page.command}.md`);
  const outputs = outputsOf(text);
  expect(outputs.filter((output) => output !== "")).toHaveLength(page.examples.length);
  expect(text).toBe(await labPage(page, outputs));
});

test("every command that only reads has a page", () => {
  const pages = [...NODE_PAGES, ...LIVE_PAGES, ...LAB_PAGES].map(({ command }) => command);
  const others = ["completion", "version"];
  expect(Object.keys(CLIENT_COMMANDS).filter((name) => !pages.includes(name) && !others.includes(name))).toEqual([]);
  for (const page of pages) expect(read("cli/README.md")).toContain(`(${page}.md)`);
});

/** The sub-commands of the old toolkit, and what was done by hand. */
const OLD_COMMANDS = "topology create-pods test-connectivity routes cni-analysis troubleshoot cleanup all".split(" ");
const OLD_HABITS =
  "nc -zv, traceroute, iperf3, arp -a, brctl show, ss -tuln, /proc/net/dev, ip route, ip addr, ping -M do -s 1472"
    .split(", ")
    .concat("calicoctl node status", "/run/flannel/subnet.env");
const toolkit = read("from-the-old-toolkit.md");

test("the page for users of the old toolkit names commands that exist, and each thing that it had or that was done by hand", () => {
  const named = [...toolkit.matchAll(/`internode ([a-z]+)/g)].map(([, name]) => name!);
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((name) => !(name in COMMANDS) && !(name in LAB_COMMANDS))).toEqual([]);
  for (const old of OLD_COMMANDS) expect(toolkit).toContain(`| \`${old}\` |`);
  for (const old of OLD_HABITS) expect(toolkit).toMatch(new RegExp(`^\\|[^|]*\`${old}\`[^|]*\\|`, "m"));
  expect(toolkit).toMatch(/^\|[^|]*overlay \(VXLAN, GRE\)[^|]*underlay \(BGP, host-gw\)[^|]*\|/m);
});

test.each([...OLD_COMMANDS, ...OLD_HABITS])("it shows what is printed now in place of %s", (old) => {
  expect(TOOLKIT_ROWS.flatMap((row) => row.old)).toContain(old);
});

test("what it shows is what the pages of the commands show (npm run golden)", () => {
  expect(toolkit).toBe(toolkitPage(toolkit));
});
