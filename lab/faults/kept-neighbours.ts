import { run, type Within } from "../machine.ts";

interface Neighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}

/**
 * Loopback has one entry, which a full table gives up before all others: without it a node does not even reach itself, and
 * nobody its agent through the lab's proxies.
 */
const LOOPBACK: Neighbour = { dst: "0.0.0.0", dev: "lo", lladdr: "00:00:00:00:00:00", state: ["NOARP"] };
/** This process's own network: the page of a demo is on its loopback. */
const own: Within = run;

/**
 * Whom the networks of a lab or of a cluster know, beside the machine's own loopback: a permanent entry is not given up, and
 * takes no room of those that are learnt.
 */
export class KeptNeighbours {
  readonly #networks: readonly Within[];
  readonly #kept: { readonly within: Within; readonly neighbours: readonly Neighbour[] }[] = [];

  constructor(networks: readonly Within[]) {
    this.#networks = networks;
  }

  async keep(): Promise<void> {
    for (const within of this.#networks) {
      const all = JSON.parse((await within("ip", ["-4", "-j", "neighbour", "show"])) || "[]");
      const learnt = (all as readonly Neighbour[]).filter(
        ({ lladdr, state }) => lladdr !== undefined && !state.includes("PERMANENT"),
      );
      this.#kept.push({ within, neighbours: [LOOPBACK, ...learnt] });
    }
    this.#kept.push({ within: own, neighbours: [LOOPBACK] });
    for (const { within, neighbours } of this.#kept) await lay(within, neighbours, () => "permanent");
  }

  /** They may be forgotten again. Never rejects: a namespace may be gone. */
  async release(): Promise<void> {
    for (const { within, neighbours } of this.#kept.splice(0))
      await lay(within, neighbours, ({ state }) => (state.includes("NOARP") ? "noarp" : "stale")).catch(() => {});
  }
}

async function lay(
  within: Within,
  neighbours: readonly Neighbour[],
  state: (neighbour: Neighbour) => string,
): Promise<void> {
  const input = neighbours
    .map((one) => `neighbour replace ${one.dst} lladdr ${one.lladdr} dev ${one.dev} nud ${state(one)}\n`)
    .join("");
  await within("ip", ["-batch", "-"], { input });
}
