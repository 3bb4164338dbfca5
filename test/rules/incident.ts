// The vocabulary of incidents: who loses what, how much, when. Every one is a few facts about slots and agents.
import type { Slot } from "./mesh.ts";

/** Seconds since the start of the scenario; `untilS` is open-ended when absent. */
export interface During {
  readonly fromS: number;
  readonly untilS?: number;
}

/** On which way of the round trip UDP can tell that its packets die. */
export type Direction = (slot: Slot) => "forward" | "reverse";

export type Incident = Required<During> &
  (
    | {
        readonly kind: "loss";
        readonly where: (slot: Slot) => boolean;
        readonly share: number;
        readonly direction?: Direction;
        /** Somebody on the way says that it is not let through. */
        readonly isBlocked?: boolean;
      }
    /** Answered with a refusal: no sample of a round-trip time, and nothing lost. */
    | { readonly kind: "refusal"; readonly where: (slot: Slot) => boolean }
    /** Its SYNs need to be sent again, this many for each handshake. */
    | { readonly kind: "retransmits"; readonly where: (slot: Slot) => boolean; readonly perProbe: number }
    | { readonly kind: "latency"; readonly where: (slot: Slot) => boolean; readonly factor: number }
    /** Prometheus gets nothing from the agent. */
    | { readonly kind: "unscrapeable"; readonly node: string }
    /** The agent is a new process afterwards: every counter from 0. */
    | { readonly kind: "restart"; readonly node: string }
    /** Outside the interval the node is no member: no agent has series of it, nor it any. */
    | { readonly kind: "member"; readonly node: string }
    | { readonly kind: "cordon"; readonly node: string }
    /** Its Node object is gone from the API, and so is all that kube-state-metrics said of it. */
    | { readonly kind: "no-object"; readonly node: string }
    | { readonly kind: "taint"; readonly node: string; readonly key: string }
    /** An agent that judges says so. */
    | { readonly kind: "finding"; readonly judge: string; readonly code: string; readonly subject: string }
    /** Prometheus itself is down: no sample of anything, and no stale markers. */
    | { readonly kind: "prometheus-down" }
    | {
        readonly kind: "gauge";
        readonly metric: string;
        readonly labels: (labels: Labels) => boolean;
        readonly value: number;
      }
    | {
        readonly kind: "rate";
        readonly metric: string;
        readonly labels: (labels: Labels) => boolean;
        readonly perSecond: number;
      }
  );

export type Labels = Readonly<Record<string, string>>;

export const touching =
  (...nodes: readonly string[]) =>
  (slot: Slot) =>
    nodes.includes(slot.source) || nodes.includes(slot.destination);
export const within = (during: During): Required<During> => ({
  fromS: during.fromS,
  untilS: during.untilS ?? Infinity,
});

export function loss(
  where: (slot: Slot) => boolean,
  { share = 1, ...during }: During & { readonly share?: number },
): Incident {
  return { kind: "loss", where, share, ...within(during) };
}

export function refusal(where: (slot: Slot) => boolean, during: During): Incident {
  return { kind: "refusal", where, ...within(during) };
}

/** Somebody on the way answers that it is not let through. */
export function blocked(where: (slot: Slot) => boolean, during: During): Incident {
  return { kind: "loss", where, share: 1, isBlocked: true, ...within(during) };
}

/** Packets die on the way from one node to the other: both ordered pairs lose, UDP knows where. */
export function oneWayLoss(
  from: string,
  to: string,
  { share = 1, ...during }: During & { readonly share?: number },
): Incident {
  const where = (slot: Slot) => touching(from)(slot) && touching(to)(slot);
  const direction: Direction = (slot) => (slot.source === from ? "forward" : "reverse");
  return { kind: "loss", where, share, direction, ...within(during) };
}

export function unscrapeable(node: string, during: During): Incident {
  return { kind: "unscrapeable", node, ...within(during) };
}

/** Cut off from everyone, Prometheus included. */
export function dead(node: string, during: During): readonly Incident[] {
  return [loss(touching(node), during), unscrapeable(node, during)];
}

/**
 * The agent's process is replaced: its pod's address is gone meanwhile, its node goes on answering ICMP, and it
 * reports nothing.
 */
export function restart(node: string, { fromS, untilS }: Required<During>): readonly Incident[] {
  return [
    loss((slot) => slot.destination === node && (slot.network === "pod" || slot.protocol !== "icmp"), {
      fromS,
      untilS,
    }),
    unscrapeable(node, { fromS, untilS }),
    { kind: "restart", node, fromS: untilS, untilS },
  ];
}

export function taint(node: string, { key, ...during }: During & { readonly key: string }): Incident {
  return { kind: "taint", node, key, ...within(during) };
}

export function cordon(node: string, during: During): Incident {
  return { kind: "cordon", node, ...within(during) };
}

export function active(incident: Incident, second: number): boolean {
  return second > incident.fromS && second <= incident.untilS;
}
