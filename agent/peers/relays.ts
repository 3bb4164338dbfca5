// A row by way of other agents, where its own cannot be asked. They are asked by node name, never by address; each
// asks that node itself and nobody else: one hop. Two are asked, taken at random from those that answer.
import type { Node } from "../model/peer.ts";
import type { Relayed, Row } from "../model/snapshot.ts";
import { agreedRow } from "./agreement.ts";
import { firstOrAll } from "./first-or-all.ts";
import type { PeerApi, RowQuery } from "./peer-api.ts";
import type { PeerRow, PeerRows } from "./peer-rows.ts";
import type { RowSeal } from "./row-seal.ts";

export interface RelaysOptions {
  readonly rows: Pick<PeerRows, "ask">;
  /** Agents that may be asked, the best first; the row's own is left out. */
  readonly candidates: (target: Node) => readonly PeerApi[];
  /** With a shared key a row counts when its agent signed it; without, when two relays say the same. */
  readonly seal: RowSeal | undefined;
}

export type RelayedAnswer =
  | {
      readonly kind: "row";
      readonly json: Buffer;
      readonly row: Row;
      readonly by: readonly string[];
      readonly trust: Relayed["trust"];
    }
  /** Why nobody else's word counts, if somebody was asked; what one relay says nonetheless. */
  | { readonly kind: "missing"; readonly reason: string | undefined; readonly hearsay?: Row };

const RELAYS_ASKED = 2;
/** A relay that could not get the row either (api/relay-desk.ts). */
export const RELAY_UNREACHED = 504;

interface Answer {
  readonly relay: string;
  readonly answer: PeerRow;
}
type Given = Answer & { readonly answer: Extract<PeerRow, { kind: "row" }> };

export class Relays {
  readonly #options: RelaysOptions;

  constructor(options: RelaysOptions) {
    this.#options = options;
  }

  /** `deadlineMs`: for each of them, where it is not the usual. Never rejects. */
  async ask(peer: PeerApi, query: RowQuery, deadlineMs?: number): Promise<RelayedAnswer> {
    const { rows, candidates, seal } = this.#options;
    const asked = twoOf(candidates(peer.node), peer.node).map(async (relay): Promise<Answer> => ({
      relay: relay.node.name,
      answer: await rows.ask(peer, query, { relay, ...(deadlineMs !== undefined && { deadlineMs }) }),
    }));
    return seal === undefined ? agreed(await Promise.all(asked)) : signed(asked, seal);
  }
}

/** One in the target's own zone, which most likely reaches it, and one from elsewhere. */
function twoOf(candidates: readonly PeerApi[], { zone }: Node): readonly PeerApi[] {
  const first = candidates.find((c) => c.node.zone === zone) ?? candidates[0];
  if (first === undefined) return [];
  const others = candidates.filter((c) => c !== first);
  const second = others.find((c) => c.node.zone !== first.node.zone) ?? others[0];
  return second === undefined ? [first] : [first, second].slice(0, RELAYS_ASKED);
}

async function signed(asked: readonly Promise<Answer>[], seal: RowSeal): Promise<RelayedAnswer> {
  const faults = new Map<string, string>();
  const isGenuine = (a: Answer): a is Given => {
    if (a.answer.kind === "missing") return false;
    const fault = seal.fault(a.answer);
    if (fault !== undefined) faults.set(a.relay, fault);
    return fault === undefined;
  };
  const { first, all } = await firstOrAll(asked, isGenuine);
  if (first !== undefined) {
    const { relay, answer } = first;
    return { kind: "row", json: answer.json, row: answer.row, by: [relay], trust: "signed" };
  }
  return { kind: "missing", reason: reasonOf(all, ({ relay }) => faults.get(relay)) };
}

function agreed(answers: readonly Answer[]): RelayedAnswer {
  const given = answers.filter((a): a is Given => a.answer.kind === "row");
  const [a, b] = given;
  if (a === undefined) return { kind: "missing", reason: reasonOf(answers, () => undefined) };
  if (b === undefined) {
    const alone = `it came by way of ${a.relay} alone, and counts once a second agent gives the same, or with a shared key (udp.keyFile)`;
    const rest = reasonOf(
      answers.filter((other) => other !== a),
      () => undefined,
    );
    return { kind: "missing", reason: rest === undefined ? alone : `${alone}; ${rest}`, hearsay: a.answer.row };
  }
  const row = agreedRow(a.answer.row, b.answer.row);
  if ("contrary" in row)
    return { kind: "missing", reason: `${a.relay} and ${b.relay} give different rows of it: ${row.contrary}` };
  return { kind: "row", json: Buffer.from(JSON.stringify(row)), row, by: [a.relay, b.relay].sort(), trust: "agreed" };
}

function reasonOf(answers: readonly Answer[], faultOf: (given: Answer) => string | undefined): string | undefined {
  const unreached = answers.filter(
    ({ answer }) => answer.kind === "missing" && answer.answered?.status === RELAY_UNREACHED,
  );
  const words =
    unreached.length === 0
      ? []
      : [
          `${unreached
            .map(({ relay }) => relay)
            .sort()
            .join(" and ")} cannot get it either`,
        ];
  for (const given of answers.filter((a) => !unreached.includes(a))) {
    const { relay, answer } = given;
    const fault = answer.kind === "row" ? faultOf(given) : (answer.answered?.words ?? answer.reason);
    words.push(`by way of ${relay}: ${fault ?? "it does not count"}`);
  }
  return words.length === 0 ? undefined : words.join("; ");
}
