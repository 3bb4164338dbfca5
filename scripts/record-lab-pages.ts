// Writes what commands print about a lab into docs/cli: `node scripts/node.mjs scripts/record-lab-pages.ts [COMMAND…]`.
import { writeFileSync } from "node:fs";
import { LAB_PAGES, labPage } from "./lab-pages.ts";
import { openLabDoor } from "../test/support/lab-door.ts";
import { createLab } from "../lab/lab.ts";

const named = process.argv.slice(2);
for (const page of LAB_PAGES) {
  if (named.length > 0 && !named.includes(page.command)) continue;
  await using lab = await createLab({ nodes: 3, paths: 4, hostPorts: page.hostPorts ?? false });
  await using door = await openLabDoor(lab);
  const outputs: string[] = [];
  for (const { words, faults = [] } of page.examples) {
    for (const fault of faults) await lab.inject(fault);
    outputs.push((await door.internode(words)).out.trimEnd());
    await lab.clear();
  }
  writeFileSync(new URL(`../docs/cli/${page.command}.md`, import.meta.url), await labPage(page, outputs));
}
