import { listNamespaces, run } from "../machine.ts";
import { isOfLab } from "../plan.ts";

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
const OWN: readonly string[] = [];

/** Whom the nodes and pods of a lab know: a permanent entry is not given up, and takes no room of those that are learnt. */
export class KeptNeighbours {
  readonly #labId: string;
  readonly #kept: { readonly within: readonly string[]; readonly neighbours: readonly Neighbour[] }[] = [];

  constructor(labId: string) {
    this.#labId = labId;
  }

  async keep(): Promise<void> {
    const names = (await listNamespaces()).filter((name) => isOfLab(name, this.#labId));
    for (const name of names) {
      const within = ["-n", name];
      const all = JSON.parse((await run("ip", ["-4", ...within, "-j", "neighbour", "show"])) || "[]");
      const learnt = (all as readonly Neighbour[]).filter(
        ({ lladdr, state }) => lladdr !== undefined && !state.includes("PERMANENT"),
      );
      this.#kept.push({ within, neighbours: [LOOPBACK, ...learnt] });
    }
    this.#kept.push({ within: OWN, neighbours: [LOOPBACK] });
    for (const { within, neighbours } of this.#kept) await lay(within, neighbours, () => "permanent");
  }

  /** They may be forgotten again. Never rejects: a namespace may be gone. */
  async release(): Promise<void> {
    for (const { within, neighbours } of this.#kept.splice(0))
      await lay(within, neighbours, ({ state }) => (state.includes("NOARP") ? "noarp" : "stale")).catch(() => {});
  }
}

async function lay(
  within: readonly string[],
  neighbours: readonly Neighbour[],
  state: (neighbour: Neighbour) => string,
): Promise<void> {
  const input = neighbours
    .map((one) => `neighbour replace ${one.dst} lladdr ${one.lladdr} dev ${one.dev} nud ${state(one)}\n`)
    .join("");
  await run("ip", [...within, "-batch", "-"], { input });
}
