// While something is broken the judge asks the host views of the nodes concerned, and of some others to compare them with,
// what their kernels say.
import { compareViews } from "../diagnosis/compare/compare.ts";
import type { Difference } from "../diagnosis/compare/difference.ts";
import { explainedBy, nodesToAsk } from "../diagnosis/compare/explain.ts";
import type { Finding } from "../model/finding.ts";
import type { Node } from "../model/peer.ts";
import { nodeViewSchema, type NodeView } from "../model/node-view.ts";
import type { PeerApi } from "../peers/peer-api.ts";
import type { PeerViews } from "../peers/peer-views.ts";
import type { EvidenceSources } from "./gather.ts";

export interface KernelsOptions {
  readonly sources: Pick<EvidenceSources, "node" | "peers" | "identity"> & {
    /** This node's own, too; none where there are no host views. */
    hostApis(): readonly PeerApi[];
  };
  readonly views: Pick<PeerViews, "ask" | "stayConnected">;
  readonly nowMs: () => number;
}

const ASK_EVERY_MS = 10_000;
/** What has come by then is compared. */
const SOON_MS = 2_000;
const STAY_EVERY_MS = 30_000;
/** Connections that a judge keeps; in a larger mesh it opens those it needs. */
const MOST_CONNECTED = 100;
/** Above these a fault is so wide that its nodes need not all be asked. */
const MOST_CONCERNED = 8;
/** Enough to tell what is usual. */
const OTHERS = 8;
/** What was told is held on to for so long, and what counters have gained counts over as much: drops come in bursts. */
const KEPT_MS = 60_000;

interface Read {
  readonly atMs: number;
  readonly view: NodeView;
}

interface Told {
  readonly askedMs: number;
  readonly differences: readonly Difference[];
  /** The nodes whose kernels answered. */
  readonly by: readonly Node[];
}

export class Kernels {
  readonly #options: KernelsOptions;
  #told: Told | undefined;
  /** What was read of each node in the last minute, the oldest first. */
  readonly #before = new Map<string, Read[]>();
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #connectedMs = Number.NEGATIVE_INFINITY;

  constructor(options: KernelsOptions) {
    this.#options = options;
  }

  /** The findings with what was told last. */
  explain(findings: readonly Finding[]): readonly Finding[] {
    const told = this.#told;
    // What was told of an earlier fault is not of this one, also while the kernels are being asked again.
    const isOld = told === undefined || this.#options.nowMs() - told.askedMs > KEPT_MS;
    return isOld || told.differences.length === 0 ? findings : explainedBy(findings, told.differences, told.by);
  }

  /** Asks for the findings that are open now, if it is time to. Never rejects. */
  look(findings: readonly Finding[]): Promise<void> {
    const nowMs = this.#options.nowMs();
    const apis = this.#options.sources.hostApis();
    const concerned = nodesToAsk(
      findings,
      apis.map(({ node }) => node),
    );
    if (nowMs - this.#connectedMs >= STAY_EVERY_MS) {
      this.#connectedMs = nowMs;
      void this.#options.views.stayConnected(apis.slice(0, MOST_CONNECTED));
    }
    if (this.#asking) return this.#asking;
    if (concerned.length === 0 || apis.length === 0 || nowMs - this.#askedMs < ASK_EVERY_MS) return Promise.resolve();
    this.#askedMs = nowMs;
    return (this.#asking = this.#ask(apis, concerned.slice(0, MOST_CONCERNED)).finally(
      () => (this.#asking = undefined),
    ));
  }

  async #ask(apis: readonly PeerApi[], concerned: readonly string[]): Promise<void> {
    const askedMs = this.#askedMs;
    const own = apis.filter(({ node }) => concerned.includes(node.name));
    const others = apis.filter((api) => !own.includes(api)).slice(0, OTHERS);
    const asked = [...own, ...others];
    const names = new Set(asked.map(({ node }) => node.name));
    const pods = new Map([...this.#pods()].filter(([name]) => names.has(name)));
    const views: NodeView[] = [];
    const tell = () => {
      const earlier = this.#earlier(views);
      const differences = compareViews({ views, isWhole: views.length === apis.length, earlier, pods });
      this.#told = { askedMs, differences, by: views.map(({ node }) => node) };
    };
    const all = Promise.all(
      asked.map(async (api) => {
        const view = readView(await this.#options.views.ask(api), api);
        if (view) views.push(view);
      }),
    );
    // What most tell does not wait for the one whose answer is slow to come, or never comes.
    await Promise.race([all, new Promise<void>((done) => void setTimeout(done, SOON_MS).unref())]);
    const soon = views.length;
    tell();
    await all;
    if (views.length > soon) tell();
  }

  /** An address of the agent on each node, of this one as well: without it a node that routes to it seems to route to no pod. */
  #pods(): Map<string, string> {
    const { sources } = this.#options;
    const others = sources.peers().map((peer) => [peer.node.name, peer.addresses.pod] as const);
    return new Map(
      [[sources.node.name, sources.identity().podAddresses] as const, ...others].flatMap(([name, { ipv4, ipv6 }]) => {
        const address = ipv4 ?? ipv6;
        return address === undefined ? [] : [[name, address] as const];
      }),
    );
  }

  /** What these nodes told half a minute to a minute before, or since they were first asked; and notes what they tell now. */
  #earlier(views: readonly NodeView[]): NodeView[] {
    const nowMs = this.#options.nowMs();
    for (const [name, reads] of this.#before) {
      const kept = reads.filter(({ atMs }) => nowMs - atMs <= KEPT_MS);
      if (kept.length === 0) this.#before.delete(name);
      else this.#before.set(name, kept);
    }
    return views.flatMap((view) => {
      const reads = this.#before.get(view.node.name) ?? [];
      const [oldest] = reads;
      if (nowMs - (reads.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= KEPT_MS / 2)
        this.#before.set(view.node.name, [...reads, { atMs: nowMs, view }]);
      return oldest ? [oldest.view] : [];
    });
  }
}

/** Undefined for what did not come, is no view, or is of another node. */
function readView(answer: Awaited<ReturnType<PeerViews["ask"]>>, { node }: PeerApi): NodeView | undefined {
  if ("error" in answer) return undefined;
  try {
    const view = nodeViewSchema.parse(JSON.parse(answer.json.toString("utf8")));
    return view.node.name === node.name && view.namespace === "host" ? view : undefined;
  } catch {
    return undefined;
  }
}
