// Path MTU of every slot of UDP, whose answering end it asks.
import type { Config } from "../config/schema.ts";
import { LIMITS } from "../config/limits.ts";
import type { PathMtu } from "../model/snapshot.ts";
import type { Slot } from "../model/slot.ts";
import { pathMtuProber, type PathMtuProber, type PathMtuOptions } from "../probes/path-mtu.ts";
import type { Lane } from "../schedule/lane.ts";
import type { SlotListener } from "../schedule/slot-table.ts";
import type { Parts } from "./parts.ts";

export interface PathMtuPartOptions extends Omit<PathMtuOptions, "settings"> {
  readonly config: Pick<Config, "pathMtu" | "udp" | "ports">;
  readonly parts: Parts;
  /** Slots of UDP. */
  readonly slots: () => readonly Slot[];
}

export class PathMtuPart implements SlotListener {
  /** Acts on the tick. */
  readonly lane: Lane<PathMtuProber>;

  constructor({ config, parts, slots, ...options }: PathMtuPartOptions) {
    const settings = {
      intervalMs: config.pathMtu.intervalMs,
      timeoutMs: config.udp.timeoutMs,
      port: config.ports.probe,
      maxPacketBytes: LIMITS.maxPacketBytes,
    };
    this.lane = parts.lane({
      name: "path_mtu",
      open: () => pathMtuProber({ ...options, settings }),
      opened: (pathMtu) => slots().forEach((slot) => pathMtu.open(slot)),
    });
  }

  opened(slot: Slot): void {
    if (slot.protocol === "udp") this.lane.run((pathMtu) => pathMtu.open(slot));
  }

  closed(slot: Slot): void {
    if (slot.protocol === "udp") this.lane.run((pathMtu) => pathMtu.close(slot));
  }

  moved(from: Slot, to: Slot): void {
    if (from.protocol === "udp") this.lane.run((pathMtu) => pathMtu.move(from, to));
  }

  values(): readonly PathMtu[] {
    return this.lane.run((pathMtu) => pathMtu.values()) ?? [];
  }
}
