// Judges that ask each other and all agents over real HTTP on loopback. The clock is fake: nobody waits.
import { afterEach, expect, test } from "vitest";
import { gatherEvidence } from "../../agent/judge/gather.ts";
import { Judging } from "../../agent/judge/judging.ts";
import { judgeOrder } from "../../agent/judge/order.ts";
import type { Findings } from "../../agent/model/finding.ts";
import { JudgePeers } from "../../agent/peers/judge-peers.ts";
import { startAgent, type RunningAgent } from "../api/api-mesh.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { sampleNodes, type SampleMesh } from "../support/sample-mesh.ts";

const MESH = {
  nodes: 6,
  zones: 2,
  loss: [1, 2, 3, 4, 5].map((i) => ({ from: "node-6", to: `node-${i}`, ratio: 0.3 })),
};
const ORDER = judgeOrder(sampleNodes(MESH), undefined).map(({ name }) => name);
/** Slow machines are slow here too; nothing waits for it unless somebody is silent. */
const PATIENCE_MS = 60_000;

let running: AsyncDisposableStack;
afterEach(() => running.disposeAsync());

class HttpMesh {
  readonly clock = new FakeClock();
  readonly agents = new Map<string, RunningAgent & { readonly judging: Judging }>();
  readonly #dead = new Set<string>();

  static async start(mesh: SampleMesh): Promise<HttpMesh> {
    running = new AsyncDisposableStack();
    const made = new HttpMesh();
    for (const [i, node] of sampleNodes(mesh).entries()) {
      const agent = await startAgent(mesh, node, `127.0.0.${i + 1}`);
      running.defer(() => agent.api[Symbol.asyncDispose]());
      const peers = running.use(new JudgePeers({ deadlineMs: 2_000 }));
      const judging = running.use(
        new Judging({
          clock: made.clock,
          self: () => node,
          isServing: () => true,
          failures: () => 0,
          peerApis: () => agent.agent.peerApis(),
          peers,
          gather: () =>
            gatherEvidence({
              sources: Object.assign(agent.agent, { isReadinessTold: true }),
              rows: agent.api.rows,
              clock: made.clock,
            }),
          log: { info: () => {}, error: () => {} },
        }),
      );
      agent.agent.judging = judging;
      made.agents.set(node.name, { ...agent, judging });
    }
    const apis = [...made.agents.values()].map(({ agent, url }) => ({ node: agent.node, url, serving: true }));
    for (const { agent } of made.agents.values()) agent.apis = apis.filter(({ node }) => node.name !== agent.node.name);
    return made;
  }

  async kill(name: string): Promise<void> {
    this.#dead.add(name);
    await this.agents.get(name)!.api[Symbol.asyncDispose]();
  }

  async passSeconds(seconds: number): Promise<void> {
    for (let s = 0; s < seconds; s += 10) {
      this.clock.advanceMs(10_000);
      const living = [...this.agents].filter(([name]) => !this.#dead.has(name)).map(([, { judging }]) => judging);
      for (const judging of living) await judging.look();
      for (const judging of living) await judging.judge();
    }
  }

  async findings(name: string): Promise<Findings> {
    const answer = await fetch(`${this.agents.get(name)!.url}/api/v1/findings`);
    if (!answer.ok) throw new Error(`${name} answered ${answer.status}`);
    return (await answer.json()) as Findings;
  }
}

const idsOf = ({ findings }: Findings) => findings.map(({ id, code }) => `${code} ${id}`).sort();

test(
  "killing a judge loses none of its findings, and any agent goes on answering with them",
  async () => {
    const mesh = await HttpMesh.start(MESH);
    await mesh.passSeconds(40);
    const [first, second, third] = ORDER as [string, string, string];
    const before = await mesh.findings(ORDER[5]!);
    expect(before.by.name).toBe(first);
    expect(before.findings.map(({ code }) => code)).toContain("IN-NODE-LOSS");
    const inherited = idsOf(await mesh.findings(second));
    await mesh.kill(first);
    // An answer is kept for a second.
    mesh.clock.advanceMs(2_000);
    const meanwhile = await mesh.findings(ORDER[5]!);
    expect(meanwhile.by.name).toBe(second);
    expect(idsOf(meanwhile)).toEqual(inherited);
    await mesh.passSeconds(20);
    expect(mesh.agents.get(third)!.judging.report).toBeDefined();
    // The third has copied what the second had open.
    expect(idsOf(await mesh.findings(third))).toEqual(inherited);
  },
  PATIENCE_MS,
);

test(
  "a question for an agent's own judgement never travels on",
  async () => {
    const mesh = await HttpMesh.start(MESH);
    await mesh.passSeconds(20);
    const [first] = ORDER as [string];
    const idle = ORDER[4]!;
    const ask = async (by: string) => (await fetch(`${mesh.agents.get(idle)!.url}/api/v1/verdict?by=${by}`)).status;
    expect(await ask(idle)).toBe(404);
    expect(await ask(first)).toBe(404);
    expect((await fetch(`${mesh.agents.get(first)!.url}/api/v1/verdict?by=${first}`)).status).toBe(200);
  },
  PATIENCE_MS,
);
