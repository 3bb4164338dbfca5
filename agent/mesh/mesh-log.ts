// Tells the log what happens to the mesh: its changes, the failures of discovery, and who is not probed for long.
import type { Logger } from "pino";
import type { Chores } from "../base/chores.ts";
import type { Clock } from "../base/clock.ts";
import type { Mesh } from "./mesh.ts";
import { UnprobedLog } from "./unprobed-log.ts";

export interface MeshLogOptions {
  readonly mesh: Pick<Mesh, "members" | "unusable" | "self" | "extent" | "listen">;
  readonly clock: Pick<Clock, "monotonicNs">;
  readonly chores: Chores;
  readonly log: Pick<Logger, "info" | "warn">;
}

/** A fault is told once it has lasted: by the clock, not by an event. */
const CHECK_EVERY_MS = 5_000;

export function logMesh({ mesh, clock, chores, log }: MeshLogOptions): Disposable {
  const unprobed = new UnprobedLog({ clock, log });
  const decided = () => unprobed.update(mesh.members(), mesh.unusable());
  const listening = mesh.listen({
    decided,
    changed: () => log.info({ ...mesh.extent(), zone: mesh.self().zone }, "the mesh changed"),
    failed: (err) => log.warn({ err }, "discovery failed; the last known peers stay"),
  });
  const checking = chores.every(CHECK_EVERY_MS, decided);
  return {
    [Symbol.dispose]() {
      checking[Symbol.dispose]();
      listening[Symbol.dispose]();
    },
  };
}
