// While something is broken the judge asks the host views of the nodes concerned, and of some others to compare them with,
// what their kernels say.
import { compareViews } from "../diagnosis/compare/compare.ts";
import type { Difference } from "../diagnosis/compare/difference.ts";
import { explainedBy, nodesToAsk } from "../diagnosis/compare/explain.ts";
import type { Finding } from "../model/finding.ts";
import { nodeViewSchema, type NodeView } from "../model/node-view.ts";
import type { PeerApi } from "../peers/peer-api.ts";
import type { PeerViews } from "../peers/peer-views.ts";

export interface KernelsOptions {
  /** None where there are no host views. */
  readonly hostApis: () => readonly PeerApi[];
  readonly views: Pick<PeerViews, "ask">;
  readonly nowMs: () => number;
}

const ASK_EVERY_MS = 10_000;
/** Above these a fault is so wide that its nodes need not all be asked. */
const MOST_CONCERNED = 8;
/** Enough to tell what is usual. */
const OTHERS = 8;
/** What was told is held on to for so long. */
const KEPT_MS = 60_000;

export class Kernels {
  readonly #options: KernelsOptions;
  #differences: readonly Difference[] = [];
  #views: readonly NodeView[] = [];
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(options: KernelsOptions) {
    this.#options = options;
  }

  /** The findings with what was told last. */
  explain(findings: readonly Finding[]): readonly Finding[] {
    const isOld = this.#options.nowMs() - this.#askedMs > KEPT_MS;
    return isOld || this.#differences.length === 0 ? findings : explainedBy(findings, this.#differences);
  }

  /** Asks for the findings that are open now, if it is time to. Never rejects. */
  look(findings: readonly Finding[]): Promise<void> {
    const nowMs = this.#options.nowMs();
    const concerned = nodesToAsk(findings);
    const apis = this.#options.hostApis();
    if (this.#asking) return this.#asking;
    if (concerned.length === 0 || apis.length === 0 || nowMs - this.#askedMs < ASK_EVERY_MS) return Promise.resolve();
    this.#askedMs = nowMs;
    return (this.#asking = this.#ask(apis, concerned.slice(0, MOST_CONCERNED)).finally(
      () => (this.#asking = undefined),
    ));
  }

  async #ask(apis: readonly PeerApi[], concerned: readonly string[]): Promise<void> {
    const own = apis.filter(({ node }) => concerned.includes(node.name));
    const others = apis.filter((api) => !own.includes(api)).slice(0, OTHERS);
    const asked = [...own, ...others];
    const answers = await Promise.all(asked.map(async (api) => readView(await this.#options.views.ask(api), api)));
    const views = answers.filter((view) => view !== undefined);
    this.#differences = compareViews({ views, isWhole: views.length === apis.length, earlier: this.#views });
    this.#views = views;
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
