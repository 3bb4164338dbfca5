// A mesh of judges that ask each other without a network: each with its own view of who is there, on one fake clock.
import { Judging } from "../../agent/judge/judging.ts";
import { judgeOrder } from "../../agent/judge/order.ts";
import type { Findings } from "../../agent/model/finding.ts";
import type { Node } from "../../agent/model/peer.ts";
import type { Snapshot } from "../../agent/model/snapshot.ts";
import type { PeerApi } from "../../agent/peers/peer-api.ts";
import { evidenceFromSnapshot } from "../../agent/diagnosis/evidence/from-snapshot.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { sampleNodes, sampleSnapshot, type SampleMesh } from "../support/sample-mesh.ts";

const QUIET = { info: () => {}, error: () => {} };

export class JudgeMesh {
  readonly clock = new FakeClock();
  readonly nodes: readonly Node[];
  readonly order: readonly string[];
  /** What the rows say from now on. */
  mesh: SampleMesh;
  /** Questions to each agent. */
  readonly asked = new Map<string, number>();
  #made: { readonly of: SampleMesh; readonly snapshot: Snapshot } | undefined;
  readonly #judges = new Map<string, Judging>();
  readonly #dead = new Set<string>();
  /** Probes that each agent has lost. */
  failures = 0;
  /** Evidence that each judge has asked for. */
  readonly gathered = new Map<string, number>();
  /** Agents whose evidence does not come. */
  readonly hanging = new Set<string>();

  constructor(mesh: SampleMesh) {
    this.mesh = mesh;
    this.nodes = sampleNodes(mesh);
    this.order = judgeOrder(this.nodes, undefined).map(({ name }) => name);
    for (const { name } of this.nodes) this.start(name);
  }

  /** Anew, with nothing remembered. */
  start(name: string): void {
    this.#dead.delete(name);
    const self = this.nodes.find((node) => node.name === name)!;
    const peerApis = (): PeerApi[] =>
      this.nodes.filter((node) => node !== self).map((node) => ({ node, url: "", serving: true }));
    const own = (peer: PeerApi) => this.#own(peer.node.name);
    this.#judges.set(
      name,
      new Judging({
        clock: this.clock,
        self: () => self,
        isServing: () => true,
        peerApis,
        log: QUIET,
        failures: () => this.failures,
        gather: async () => {
          this.gathered.set(name, (this.gathered.get(name) ?? 0) + 1);
          if (this.hanging.has(name)) throw new Error("no evidence");
          return evidenceFromSnapshot(this.#snapshot(self));
        },
        peers: {
          isAlive: async (peer) => [200, 404].includes((await own(peer))?.status ?? 0),
          verdict: async (peer) => documentOf(await own(peer)),
          findings: async (peer) => documentOf(await own(peer)),
        },
      }),
    );
  }

  kill(...names: readonly string[]): void {
    for (const name of names) this.#dead.add(name);
  }

  /** Time passes: every five seconds all look whose turn it is, every ten they judge. */
  async passSeconds(seconds: number): Promise<void> {
    for (let s = 0; s < seconds; s += 5) {
      this.clock.advanceMs(5_000);
      const living = [...this.#judges].filter(([name]) => !this.#dead.has(name)).map(([, judging]) => judging);
      await Promise.all(living.map((judging) => judging.look()));
      if (s % 10 === 5) await Promise.all(living.map((judging) => judging.judge()));
    }
  }

  /** The same second by second, while agents judge when they think it is time to. */
  async watchSeconds(seconds: number, lostEachSecond = 0): Promise<void> {
    for (let s = 0; s < seconds; s++) {
      this.clock.advanceMs(1_000);
      this.failures += lostEachSecond;
      const living = [...this.#judges].filter(([name]) => !this.#dead.has(name)).map(([, judging]) => judging);
      if (s % 5 === 4) await Promise.all(living.map((judging) => judging.look()));
      await Promise.all(living.map((judging) => judging.watch()));
    }
  }

  judge(name: string): Judging {
    return this.#judges.get(name)!;
  }

  /** Who judges, in the order. */
  get judging(): readonly string[] {
    return this.order.filter((name) => !this.#dead.has(name) && this.judge(name).report !== undefined);
  }

  async findings(name: string): Promise<Findings> {
    return documentOf(await this.judge(name).answer({ kind: "findings" }))!;
  }

  async #own(name: string) {
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
    return this.#dead.has(name) ? undefined : this.judge(name).answer({ kind: "findings", by: name });
  }

  #snapshot(by: Node): Snapshot {
    const at = new Date(this.clock.baseSeconds * 1_000 + this.clock.realtimeNs() / 1e6).toISOString();
    if (this.#made?.of !== this.mesh) this.#made = { of: this.mesh, snapshot: sampleSnapshot(this.mesh) };
    const { snapshot } = this.#made;
    const startedAt = new Date(Date.parse(at) - 3_600_000).toISOString();
    return { ...snapshot, at, by, rows: snapshot.rows.map((row) => ({ ...row, at, startedAt })) };
  }
}

type Answer = Awaited<ReturnType<Judging["answer"]>> | undefined;
const documentOf = (answer: Answer): Findings | undefined =>
  answer && "document" in answer ? (answer.document as Findings) : undefined;
