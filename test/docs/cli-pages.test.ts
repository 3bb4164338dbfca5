// The pages of commands say what these commands really print.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMMANDS } from "../../agent/cli/commands.ts";
import { LAB_COMMANDS } from "../../lab/cli/commands.ts";
import { commandPage, PAGES } from "../../scripts/generate-cli-doc.ts";

const read = (path: string) => readFileSync(new URL(`../../docs/${path}`, import.meta.url), "utf8");

test.each(PAGES)("docs/cli/$command.md is what the command prints (npm run golden)", async (page) => {
  expect(read(`cli/${page.command}.md`)).toBe(await commandPage(page));
});

test("the page for users of the old toolkit names commands that exist, and each sub-command that it had", () => {
  const page = read("from-the-old-toolkit.md");
  const named = [...page.matchAll(/`internode ([a-z]+)/g)].map(([, name]) => name!);
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((name) => !(name in COMMANDS) && !(name in LAB_COMMANDS))).toEqual([]);
  for (const old of [
    "topology",
    "create-pods",
    "test-connectivity",
    "routes",
    "cni-analysis",
    "troubleshoot",
    "cleanup",
    "all",
  ])
    expect(page).toContain(`| \`${old}\` |`);
});
