// Writes what commands print about a live cluster into docs/cli: `node scripts/node.mjs test/e2e/record-pages.ts
// --kubeconfig FILE --when calm|cut|acting`. The cluster has three nodes in three zones
// and the chart's defaults; for `acting` with actions switched on.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { LIVE_PAGES, livePage, outputsOf } from "../../scripts/live-pages.ts";
import { internode } from "./internode.ts";

const { values } = parseArgs({ options: { kubeconfig: { type: "string" }, when: { type: "string" } } });
if (values.kubeconfig === undefined || !["calm", "cut", "acting"].includes(values.when ?? ""))
  throw new RangeError("wants --kubeconfig FILE --when calm|cut|acting");

for (const page of LIVE_PAGES) {
  const file = new URL(`../../docs/cli/${page.command}.md`, import.meta.url);
  const known = existsSync(file) ? outputsOf(readFileSync(file, "utf8")) : [];
  const outputs: string[] = [];
  for (const [i, { words, when }] of page.examples.entries())
    outputs.push(
      when === values.when
        ? (await internode(words, { kubeconfig: values.kubeconfig })).out.trimEnd()
        : (known[i] ?? ""),
    );
  writeFileSync(file, await livePage(page, outputs));
}
