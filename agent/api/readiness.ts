// Whether this agent is ready, and how it stops being so: peers and Services look at /readyz.
import { setTimeout as wait } from "node:timers/promises";
import type { Mesh } from "../mesh/mesh.ts";
import type { Readiness } from "./agent-view.ts";

export class ReadinessGate {
  readonly #mesh: Pick<Mesh, "whyNotReady">;
  #draining = false;

  constructor(mesh: Pick<Mesh, "whyNotReady">) {
    this.#mesh = mesh;
  }

  state(): Readiness {
    const reason = this.#draining
      ? "the agent is stopping and waits for its peers to notice"
      : this.#mesh.whyNotReady();
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }

  /** Not ready from now on; resolves after that time, or as soon as the signal aborts. */
  async drain(drainMs: number, signal: AbortSignal): Promise<void> {
    this.#draining = true;
    await wait(drainMs, undefined, { signal }).catch(() => {});
  }
}
