// Starts the agents of a lab, of either kind: all of a small one at once, those of a large one in turn.
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { untilAnswering, type Reachable } from "./gateways.ts";

/** More only share the same processors, and the first would answer as late as the last. */
export const AT_ONCE = 4 * availableParallelism();

export interface StartOptions {
  readonly onProgress?: ((step: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Returns once the last process exists; whether it answers is another question. Throws AbortError by the signal. */
export async function startAgents(lab: Reachable, { onProgress = () => {}, signal }: StartOptions): Promise<void> {
  const { nodes } = lab;
  onProgress("starting the agents");
  for (const [i, { name }] of nodes.entries()) {
    const before = nodes[i - AT_ONCE];
    if (before) await untilAnswering(lab, before.name, { signal });
    if (signal) await sleep(0, undefined, { signal });
    if (i > 0 && i % AT_ONCE === 0) onProgress(`${i} of ${nodes.length} agents have been started`);
    await lab.agent(name).start();
  }
}
