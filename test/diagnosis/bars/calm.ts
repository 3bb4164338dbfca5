// Meshes in which nothing is wrong: so many minutes of each size must pass without a finding.
import type { Done } from "./trials.worker.ts";
import { table, type Table } from "./table.ts";

/** `piece`: minutes of one world; threads share the pieces, and a run that was broken off has lost only the last. */
export const CALM = [
  { nodes: 12, minutes: 30_000, piece: 250 },
  { nodes: 30, minutes: 30_000, piece: 125 },
  { nodes: 100, minutes: 3_000, piece: 50 },
  { nodes: 1000, minutes: 1_000, piece: 10 },
] as const;

export function calmTable(done: readonly Done[]): Table | undefined {
  const runs = done.flatMap((d) => ("calm" in d ? [d] : []));
  if (runs.length === 0) return undefined;
  const rows = [...Map.groupBy(runs, ({ task }) => task.nodes)].map(([nodes, all]) => {
    const findings = all.flatMap(({ task, calm }) => calm.findings.map((text) => `seed ${task.seed}: ${text}`));
    const minutes = all.reduce((sum, { calm }) => sum + calm.minutes, 0);
    const judgements = all.reduce((sum, { calm }) => sum + calm.judgements, 0);
    const cpuMs = all.reduce((sum, { calm }) => sum + calm.cpuMs, 0) / judgements;
    return { nodes, minutes, findings, cpuMs };
  });
  const text = table(
    ["nodes", "calm minutes", "findings", "CPU ms a judgement", "met"],
    rows.map((r) => [
      `${r.nodes}`,
      `${r.minutes}`,
      `${r.findings.length}`,
      r.cpuMs.toFixed(1),
      r.findings.length === 0 ? "yes" : "NO",
    ]),
  );
  const listed = rows.flatMap(({ nodes, findings }) => findings.map((f) => `${nodes} nodes, ${f}`));
  return { text: [text, ...listed].join("\n"), isMet: listed.length === 0 };
}
