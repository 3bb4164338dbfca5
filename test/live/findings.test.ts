// Most of an hour, run by `npm run test:live`: agents in namespaces, faults one after the other, and the seconds until the
// verdict of the judges names each (`npm run test:verdicts` has more trials). Then what is no fault, of which nothing may be said.
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { StaticMesh } from "../../agent/mesh/static-file.ts";
import { judgeOrder } from "../../agent/judge/order.ts";
import { meshFileOf } from "../../lab/agent-files.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { needs } from "../support/needs.ts";
import { ASKED, KINDS, LIVE_MESH } from "./kinds.ts";
import { lineOf, tableOf, type Line } from "./table.ts";
import { settle, told, trial, until, verdictOf, type Trial } from "./trials.ts";

const { describe } = await needs("namespaces");

const TRIALS = 2;
const LAST = "node-9";

/** Everything that is said in the meantime. */
async function saidFor(lab: Lab, seconds: number): Promise<readonly string[]> {
  const said = new Set<string>();
  for (const endMs = Date.now() + seconds * 1_000; Date.now() < endMs; await sleep(2_000)) {
    // The agent that is asked may be the one that restarts.
    const verdict = await verdictOf(lab, ASKED).catch(() => undefined);
    for (const text of verdict ? told(verdict) : []) said.add(text);
  }
  return [...said];
}

async function restart(lab: Lab, node: string): Promise<void> {
  await lab.agent(node).kill();
  await sleep(2_000);
  await lab.agent(node).start();
}

const meshOf = async (lab: Lab): Promise<StaticMesh> =>
  JSON.parse(await readFile(meshFileOf(lab.directory), "utf8")) as StaticMesh;

/** As after a scale-down or before a scale-up: discovery lists these nodes only. */
const listOnly = (lab: Lab, nodes: StaticMesh["nodes"]): Promise<void> =>
  writeFile(meshFileOf(lab.directory), `${JSON.stringify({ nodes })}\n`, { mode: 0o600 });

interface CalmEvent {
  readonly what: string;
  readonly happens: (lab: Lab) => Promise<void>;
}

const CALM_EVENTS: readonly CalmEvent[] = [
  { what: "an agent restarts", happens: (lab) => restart(lab, "node-5") },
  {
    what: "a rollout",
    happens: async (lab) => {
      for (const { name } of lab.nodes) {
        await restart(lab, name);
        await until({ lab, node: name, withinS: 60 }, () => true);
      }
    },
  },
  {
    what: "a judge is killed, and starts again",
    happens: async (lab) => {
      const [first] = judgeOrder(lab.nodes, undefined);
      await lab.agent(first!.name).kill();
      await sleep(20_000);
      await lab.agent(first!.name).start();
    },
  },
  {
    what: "a node is cordoned, drained, and leaves the mesh; then it is uncordoned and joins again",
    happens: async (lab) => {
      const { nodes } = await meshOf(lab);
      await listOnly(
        lab,
        nodes.filter(({ name }) => name !== LAST),
      );
      await lab.agent(LAST).kill();
      await sleep(60_000);
      await lab.agent(LAST).start();
      await listOnly(lab, nodes);
    },
  },
  {
    what: "a third of the nodes is scaled down at once, and up again",
    happens: async (lab) => {
      const { nodes } = await meshOf(lab);
      const leaving = ["node-3", "node-6", LAST];
      await listOnly(
        lab,
        nodes.filter(({ name }) => !leaving.includes(name)),
      );
      for (const name of leaving) await lab.agent(name).kill();
      await sleep(60_000);
      for (const name of leaving) await lab.agent(name).start();
      await listOnly(lab, nodes);
    },
  },
];

describe("from a fault to the verdict", { timeout: 2_700_000 }, () => {
  test("every fault is named and nothing else is, heavy ones within 20 s", async () => {
    await using lab = await createLab(LIVE_MESH);
    await settle(lab, ASKED);
    const lines: Line[] = [];
    let turn = 0;
    for (const kind of KINDS) {
      const trials: Trial[] = [];
      for (let i = 0; i < TRIALS; i++) trials.push(await trial(lab, ASKED, kind, turn++));
      lines.push(lineOf(kind, trials));
    }
    process.stdout.write(`${tableOf(lines)}\n`);
    expect(lines.filter(({ isMet }) => !isMet).map(({ what, p95 }) => `${what}: ${p95} s`)).toEqual([]);
    expect(lines.flatMap(({ what, wrong }) => wrong.map((finding) => `${what}: ${finding}`))).toEqual([]);
  });

  test("what is no fault is no finding", async () => {
    await using lab = await createLab(LIVE_MESH);
    await settle(lab, ASKED);
    const said: Record<string, readonly string[]> = {};
    for (const { what, happens } of CALM_EVENTS) {
      const happening = happens(lab);
      const isOver = happening.then(() => true);
      const heard = new Set<string>();
      do for (const text of await saidFor(lab, 5)) heard.add(text);
      while (!(await Promise.race([isOver, sleep(0, false)])));
      // What it lost is in the minute that rows tell of for as long again.
      for (const text of await saidFor(lab, 70)) heard.add(text);
      said[what] = [...heard];
      process.stdout.write(`${what}: ${heard.size === 0 ? "nothing said" : [...heard].join("; ")}\n`);
    }
    expect(said).toEqual(Object.fromEntries(CALM_EVENTS.map(({ what }) => [what, []])));
  });

  test("killing the first judge loses no finding, and is none itself while its agent comes back", async () => {
    await using lab = await createLab(LIVE_MESH);
    const [first] = judgeOrder(lab.nodes, undefined);
    const others = lab.nodes.map(({ name }) => name).filter((name) => name !== first!.name);
    const [asked, victim] = [others[0]!, others.at(-1)!];
    const at = { lab, node: asked };
    await until({ ...at, withinS: 300 }, ({ state, by }) => state === "fine" && by.name === first!.name);
    await sleep(60_000);
    await lab.inject(`loss ${victim}->all 20%`);
    await until({ ...at, withinS: 60 }, (verdict) => told(verdict).includes(`IN-NODE-LOSS ${victim}`));
    const { id } = await lab.inject(`freeze ${first!.name}`);
    // Whoever answers meanwhile says it: another judge, or the asked agent by itself.
    for (const endMs = Date.now() + 40_000; Date.now() < endMs; await sleep(2_000))
      expect(told(await verdictOf(lab, asked)).some((finding) => finding.endsWith(` ${victim}`))).toBe(true);
    await until({ ...at, withinS: 60 }, ({ by, alone }) => by.name !== first!.name && alone === undefined);
    await lab.clear(id);
    await until({ ...at, withinS: 90 }, ({ by }) => by.name === first!.name);
    expect(told(await verdictOf(lab, asked))).toContain(`IN-NODE-LOSS ${victim}`);
  });
});
