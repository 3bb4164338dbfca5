// What an action is: something that an agent does on demand, with packets of its own. One module exports one descriptor,
// and one line in table.ts makes it a part of the API. What actions share (who may start one, caps, the log, the stream
// of lines) is the desk's business.
import type * as z from "zod";
import type { Config } from "../config/schema.ts";
import type { OpenedEngine } from "../measuring/engine.ts";
import type { Node, Peer } from "../model/peer.ts";
import type { PeerStatus } from "../model/unprobed.ts";
import type { Line } from "./lines.ts";

/** Compiled in: nobody can make the mesh a flood. */
export interface Caps {
  /** Runs at once at one agent. */
  readonly atOnce: number;
  /** Runs at once in the whole mesh (claims.ts). Absent: as many as its agents let in, since another action limits it. */
  readonly inMesh?: number;
  /**
   * True: it runs only when most of the agents that keep count have said that it may, so never more than `inMesh`. Else
   * unless they say that it may not: in a broken mesh it is what finds the fault.
   */
  readonly mustBeGranted?: boolean;
  /** A run that takes longer is ended. */
  readonly seconds: number;
}

export interface ActionContext {
  readonly config: Config;
  readonly engine: OpenedEngine;
  /** The shared key of UDP probes. */
  readonly key: Uint8Array | undefined;
  readonly self: Node;
  /** Every other member of the mesh that this agent knows. */
  readonly peers: readonly PeerStatus[];
  /** One of those that `targets` named. */
  readonly peer: (name: string) => Peer;
  /** Fires when whoever asked is gone, when the agent stops, and when the cap of seconds is reached. */
  readonly signal: AbortSignal;
  /** The lines of the same or another action that runs at another agent. Throws ActionError for what it refuses. */
  readonly at: (node: string, ask: { readonly action: string; readonly request: unknown }) => AsyncGenerator<Line>;
}

/** What the person who started an action reads: it cannot be done, and what would help. */
export class ActionError extends Error {
  override readonly name = "ActionError";
}

export interface Action<Request = unknown, Progress extends object = object, Result extends object = object> {
  /** What it does, for the log and the documents: "shakes hands with a port of a node". */
  readonly does: string;
  /** Unknown keys are refused: `z.strictObject`. */
  readonly request: z.ZodType<Request>;
  readonly caps: Caps;
  /** Names of the nodes that it sends packets to: each must be another member of the mesh. */
  readonly targets: (request: Request) => readonly string[];
  /** Yields what happens while it runs, and returns what came of it. Ends early, with what it has, when the signal fires. */
  run(request: Request, context: ActionContext): AsyncGenerator<Progress, Result>;
}

/** Says what a module holds, and keeps its own types. */
export const action = <Request, Progress extends object, Result extends object>(
  own: Action<Request, Progress, Result>,
): Action<Request, Progress, Result> => own;
