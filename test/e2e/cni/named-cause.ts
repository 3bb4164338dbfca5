// What `internode doctor` says is the first cause of a finding while something of a node's kernel is wrong.
import { expect } from "vitest";
import type { Finding } from "../../../agent/model/finding.ts";
import { until } from "../../cluster/until.ts";
import { internode } from "../internode.ts";
import type { CniMesh } from "./mesh.ts";

const CAUSE_LIMIT_MS = 180_000;

export const on = (mesh: CniMesh, node: string, command: string, input?: string): Promise<string> =>
  mesh.target.own.node(node).run(["sh", "-e", "-c", command], input === undefined ? {} : { input });

export interface Wanted {
  /** The finding is of this node. Of three nodes the first judgement of a fault may be of a pair. */
  readonly node?: string;
  /** What breaks it again, where something mends it. */
  readonly again?: () => Promise<unknown>;
}

/** What `doctor` tells of, once the first cause of it is in these words. */
export async function causedBy(
  { target, release: { namespace } }: CniMesh,
  wanted: RegExp,
  { node, again = () => Promise.resolve() }: Wanted = {},
): Promise<Finding> {
  const isOf = ({ subject }: Finding) => node === undefined || (subject.kind === "node" && subject.node === node);
  let last = "";
  const found = await until(
    `doctor to say ${wanted}`,
    async () => {
      await again();
      const { out, err } = await internode(["doctor", "--namespace", namespace, "--output", "json"], target);
      last = out || err;
      const { verdict } = JSON.parse(out) as { verdict: { findings: readonly Finding[] } };
      return verdict.findings.find((finding) => isOf(finding) && wanted.test(finding.causes[0]!.text));
    },
    { timeoutMs: CAUSE_LIMIT_MS, intervalMs: 3_000 },
  ).catch((err: unknown) => {
    throw new Error(`doctor said: ${last.slice(0, 6_000)}`, { cause: err });
  });
  const { out } = await internode(["doctor", "--namespace", namespace], target);
  // Lines are as wide as the screen.
  expect(out.replaceAll(/\s+/g, " ")).toMatch(new RegExp(wanted.source.replace(/^\^/, "")));
  return found;
}

export interface Break {
  readonly broken: string;
  readonly healed: string;
  /** Where: node-1, if it is not said. */
  readonly node?: string;
}

export async function whileBroken(
  mesh: CniMesh,
  { broken, healed, node = "node-1" }: Break,
  work: () => Promise<void>,
): Promise<void> {
  await on(mesh, node, broken);
  try {
    await work();
  } finally {
    await on(mesh, node, healed);
  }
  await mesh.allHealthy();
}
