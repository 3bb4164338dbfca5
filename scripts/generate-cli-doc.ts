// Writes the help of each command anew into its page; what a live cluster printed stays (test/e2e/record-pages.ts), and so
// does what the lab printed. What is printed about recorded nodes is written anew. Tests hold the committed pages equal.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { LAB_PAGES, labPage } from "./lab-pages.ts";
import { LIVE_PAGES, livePage, outputsOf } from "./live-pages.ts";
import { NODE_PAGES, nodePage } from "./node-pages.ts";
import { toolkitPage } from "./old-toolkit.ts";

const fileOf = (command: string) => new URL(`../docs/cli/${command}.md`, import.meta.url);
const known = (command: string): readonly string[] =>
  existsSync(fileOf(command)) ? outputsOf(readFileSync(fileOf(command), "utf8")) : [];

for (const page of NODE_PAGES) writeFileSync(fileOf(page.command), await nodePage(page));
for (const page of LIVE_PAGES) writeFileSync(fileOf(page.command), await livePage(page, known(page.command)));
for (const page of LAB_PAGES) writeFileSync(fileOf(page.command), await labPage(page, known(page.command)));

const toolkit = new URL("../docs/from-the-old-toolkit.md", import.meta.url);
writeFileSync(toolkit, toolkitPage(readFileSync(toolkit, "utf8")));
