// Agents that starve together: those of virtual machines on one host that has too little CPU for them all stand still for half
// a second now and then. What UDP loses meanwhile is the agents' loss, though it looks like one of the network's.
import { describe, expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { subjectName, type Finding } from "../../agent/model/finding.ts";
import type { Evidence } from "../../agent/diagnosis/evidence/evidence.ts";
import { SimMesh, type LossSource } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

const EVERY_S = 10;
const STANDS_STILL_EVERY_S = 7;

interface World {
  readonly nodes: number;
  readonly starved: (node: number) => boolean;
  /** Whether an agent that starves tells so, in this second. */
  readonly says: (second: number) => boolean;
  readonly fault?: (mesh: SimMesh) => LossSource;
  readonly protocol?: "udp";
}

/** The names of all that was found in five minutes, and the last findings. */
function judged({ nodes: count, starved, says, fault }: World) {
  const nodes = Array.from({ length: count }, (_, i) => ({ name: `node-${i + 1}`, zone: i % 2 ? "a" : "b" }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(count), udpEvery: 1 });
  const judge = new Judge();
  for (let i = 0; i < 12; i++) judge.judge((mesh.advance(EVERY_S), mesh.evidence()));
  mesh.sources.push({
    edges: mesh.directed((from, to) => starved(from) || starved(to)),
    chance: (second) => (second % STANDS_STILL_EVERY_S === 0 ? 0.2 : 0),
    most: 0.2,
    protocol: "udp",
  });
  if (fault) mesh.sources.push(fault(mesh));
  const seen = new Set<string>();
  let last: readonly Finding[] = [];
  for (let i = 0; i < 30; i++) {
    mesh.advance(EVERY_S);
    last = judge.judge(saying(mesh.evidence(), (node) => says(i * EVERY_S) && starved(node))).findings;
    for (const { code, subject } of last) seen.add(`${code} ${subjectName(subject)}`);
  }
  return { seen: [...seen].sort(), last };
}

/** As agents tell it that could not keep their schedule. */
const saying = (evidence: Evidence, isLate: (node: number) => boolean): Evidence => ({
  ...evidence,
  nodes: evidence.nodes.map((node, i) =>
    node.agent && isLate(i)
      ? { ...node, agent: { ...node.agent, health: { ...node.agent.health, tickLagMaxMs: 620, probesSkipped: 90 } } }
      : node,
  ),
});

const all = () => true;
const always = () => true;
const never = () => false;
/** A row tells of a minute; and what is lost between two of the longest pauses is lost to shorter ones. */
const oneMinuteInThree = (second: number) => second % 180 < 60;

describe.each([4, 5, 8, 30])("in a mesh of %i nodes", (nodes) => {
  test("agents that all stand still at once are one finding, about them and not about the network", () => {
    const { seen, last } = judged({ nodes, starved: all, says: always });
    expect(seen).toContain("IN-AGENT-STARVED mesh");
    expect(seen.filter((name) => !name.startsWith("IN-AGENT-STARVED"))).toEqual([]);
    expect(last).toHaveLength(1);
    expect(last[0]!.causes[0]).toMatchObject({ kind: "agent-starved" });
    expect(last[0]!.causes[0]!.for).toContain(`${nodes} of its ${nodes} agents run late or skip probes`);
  });

  test("so they are when they tell of it in one minute of three alone", () => {
    const { seen, last } = judged({ nodes, starved: all, says: oneMinuteInThree });
    expect(seen).toEqual(["IN-AGENT-STARVED mesh"]);
    expect(last[0]!.causes[0]!.for).toContain(`${nodes} of its ${nodes} agents run late or skip probes`);
  });

  test("UDP that the network loses is the network's, where no agent is late", () => {
    const { last } = judged({ nodes, starved: all, says: never });
    expect(last.map(({ code, subject }) => `${code} ${subjectName(subject)}`)).toEqual(["IN-MESH-LOSS mesh"]);
  });

  test("two nodes that cannot reach each other are found beside it", () => {
    const { seen } = judged({
      nodes,
      starved: all,
      says: always,
      fault: (mesh) => ({
        edges: mesh.directed((from, to) => Math.min(from, to) === 1 && Math.max(from, to) === 2),
        chance: () => 1,
        most: 1,
        network: "pod",
      }),
    });
    expect(seen).toContain("IN-PAIR-CUT node-2,node-3");
  });

  test("a node that loses on both networks is found beside it", () => {
    const { seen } = judged({
      nodes,
      starved: all,
      says: always,
      fault: (mesh) => ({
        edges: mesh.directed((from, to) => from === 2 || to === 2),
        chance: () => 0.1,
        most: 0.1,
      }),
    });
    expect(seen).toContain("IN-NODE-LOSS node-3");
  });
});

test("a rack of agents that starve is one finding about them", () => {
  const { seen } = judged({ nodes: 12, starved: (node) => node < 3, says: always });
  expect(seen.filter((name) => !name.startsWith("IN-AGENT-STARVED"))).toEqual([]);
  expect(seen.length).toBeGreaterThan(0);
});
