// Writes what commands print about a live cluster into docs/cli: `node scripts/node.mjs test/e2e/record-pages.ts
// --kubeconfig FILE --kubectl FILE --when calm|cut|acting --on plain|flannel|kube-router`. The cluster has three nodes in
// three zones; what else it has, LiveExample and LiveCluster in scripts/live-pages.ts say.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { LIVE_PAGES, livePage, outputsOf, type LiveCluster, type LiveExample } from "../../scripts/live-pages.ts";
import { run } from "../cluster/command.ts";
import { Examples, isOn } from "./pages.ts";

const { values } = parseArgs({
  options: {
    kubeconfig: { type: "string" },
    kubectl: { type: "string", default: "kubectl" },
    when: { type: "string", default: "calm" },
    on: { type: "string", default: "plain" },
  },
});
const { kubeconfig, kubectl, when, on } = values;
if (
  kubeconfig === undefined ||
  !["calm", "cut", "acting"].includes(when) ||
  !["plain", "flannel", "kube-router"].includes(on)
)
  throw new RangeError("wants --kubeconfig FILE --when calm|cut|acting --on plain|flannel|kube-router");

using runs = new Examples({
  kubeconfig,
  kubectl: (args) => run(kubectl, args, { env: { KUBECONFIG: kubeconfig } }),
});
for (const page of LIVE_PAGES) {
  const file = new URL(`../../docs/cli/${page.command}.md`, import.meta.url);
  const known = existsSync(file) ? outputsOf(readFileSync(file, "utf8")) : [];
  const outputs: string[] = [];
  for (const [i, example] of page.examples.entries())
    outputs.push(
      isOn(example, { when: when as LiveExample["when"], on: on as LiveCluster })
        ? (await runs.run(example)).out.trimEnd()
        : (known[i] ?? ""),
    );
  writeFileSync(file, await livePage(page, outputs));
}
