// Writes the pages of commands that read the cluster's objects: their own help, and what they print about real clusters
// (test/fixtures/cni, recorded from live ones). A test holds the committed pages equal to this.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { COMMANDS } from "../agent/cli/commands.ts";
import { makeCleanup } from "../agent/cli/cleanup.ts";
import { makeCni } from "../agent/cli/cni.ts";
import { makePolicy } from "../agent/cli/policy.ts";
import { asTerminal } from "../agent/cli/report/render.ts";
import type { Report } from "../agent/cli/report/report.ts";
import type { Sources } from "../agent/cli/sources.ts";
import { makeTopology } from "../agent/cli/topology.ts";
import { helpOf } from "./command-help.ts";
import { LAB_PAGES, labPage } from "./lab-pages.ts";
import { LIVE_PAGES, livePage, outputsOf } from "./live-pages.ts";
import { NODE_PAGES, nodePage } from "./node-pages.ts";
import { recordedCluster } from "../test/support/recorded-objects.ts";

interface Example {
  /** In a sentence, with a colon at its end. */
  readonly of: string;
  readonly cluster: string;
  readonly forbidden?: readonly string[];
}

interface PagePlan {
  readonly command: string;
  readonly make: (sources: Sources) => Promise<Report>;
  readonly examples: readonly Example[];
}

export const PAGES: readonly PagePlan[] = [
  {
    command: "topology",
    make: makeTopology,
    examples: [
      { of: "Three nodes with Flannel's VXLAN, without asking the agents:", cluster: "flannel-vxlan" },
      {
        of: "The same for somebody who may read nodes and nothing else:",
        cluster: "flannel-vxlan",
        forbidden: ["pods", "configmaps", "daemonsets", "services", "servicecidrs"],
      },
    ],
  },
  {
    command: "cni",
    make: makeCni,
    examples: [
      { of: "Flannel with host-gw and both families:", cluster: "flannel-host-gw-dual" },
      { of: "kube-router:", cluster: "kube-router" },
    ],
  },
  {
    command: "policy",
    make: makePolicy,
    examples: [{ of: "The chart's own policy, on kube-router, without asking the agents:", cluster: "kube-router" }],
  },
  {
    command: "cleanup",
    make: makeCleanup,
    examples: [{ of: "After an installation and its test:", cluster: "kube-router" }],
  },
];

export async function commandPage({ command, make, examples }: PagePlan): Promise<string> {
  const entry = COMMANDS[command]!;
  const outputs = await Promise.all(examples.map((example) => printed(make, example)));
  return `# internode ${command}

<!-- Written by \`node scripts/generate-cli-doc.ts\`. Change that, or the command, not this. -->

${entry.summary}.

\`\`\`text
${await helpOf(command)}
\`\`\`

## Examples

${examples.map(({ of }, i) => `${of}\n\n\`\`\`text\n${outputs[i]!}\n\`\`\``).join("\n\n")}
`;
}

async function printed(make: PagePlan["make"], { cluster, forbidden = [] }: Example): Promise<string> {
  const objects = recordedCluster(cluster);
  for (const plural of forbidden) objects.forbidden.add(plural);
  const report = await make({
    reach: { kind: "cluster", kubeconfig: undefined, context: undefined, namespace: undefined },
    signal: new AbortController().signal,
    objects: () => Promise.resolve(objects),
    mesh: () => Promise.resolve({ why: "these are recorded objects, and no agents" }),
  });
  return stripVTControlCharacters(asTerminal(report));
}

if (import.meta.main) {
  const fileOf = (command: string) => new URL(`../docs/cli/${command}.md`, import.meta.url);
  for (const page of PAGES) writeFileSync(fileOf(page.command), await commandPage(page));
  for (const page of NODE_PAGES) writeFileSync(fileOf(page.command), await nodePage(page));
  // Their help is written anew; what a live cluster printed stays.
  for (const page of LIVE_PAGES) {
    const file = fileOf(page.command);
    writeFileSync(file, await livePage(page, outputsOf(existsSync(file) ? readFileSync(file, "utf8") : "")));
  }
  for (const page of LAB_PAGES) {
    const file = fileOf(page.command);
    writeFileSync(file, await labPage(page, outputsOf(existsSync(file) ? readFileSync(file, "utf8") : "")));
  }
}
