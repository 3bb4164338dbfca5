// One run of an action from its first line to its last: what ends it early, and the log of it.
import type { Action, ActionContext } from "./action.ts";
import { ActionError } from "./action.ts";
import { LEASE_SECONDS } from "./claims.ts";
import type { Lease } from "./leases.ts";
import { LINES_SCHEMA_VERSION, type Line } from "./lines.ts";

export interface Run {
  readonly name: string;
  readonly action: Action;
  readonly request: unknown;
  readonly targets: readonly string[];
  /** This run among all. */
  readonly id: string;
  /** Undefined: nobody counts this action's runs in the mesh. */
  readonly lease: Lease | undefined;
  /** Where it runs. */
  readonly node: string;
  /** Who asked, and by what way. */
  readonly asked: {
    readonly from: string;
    readonly caller?: string | undefined;
    readonly forwardedBy?: string | undefined;
  };
  /** Whoever asked is gone. */
  readonly left: AbortSignal;
  /** This agent ends. */
  readonly stop: AbortSignal;
  readonly context: (signal: AbortSignal) => ActionContext;
  readonly log: { info(details: object, message: string): void; warn(details: object, message: string): void };
  readonly ended: () => void;
}

export async function* run(one: Run): AsyncGenerator<Line> {
  const { name, action, request, targets, id, lease, node, asked, left, stop, log } = one;
  const { from, caller, forwardedBy } = asked;
  const cap = new AbortController();
  const timer = setTimeout(() => cap.abort(), action.caps.seconds * 1_000);
  const signal = AbortSignal.any([left, stop, cap.signal, ...(lease ? [lease.lost] : [])]);
  const startedMs = performance.now();
  const who = { action: name, run: id, from, ...(caller && { caller }), ...(forwardedBy && { forwardedBy }), targets };
  log.info({ ...who, request }, `an action begins: ${action.does}`);
  let how = "left";
  let work: ReturnType<Action["run"]> | undefined;
  try {
    yield { kind: "started", schemaVersion: LINES_SCHEMA_VERSION, action: name, node };
    work = action.run(request, one.context(signal));
    for (;;) {
      const next = await work.next();
      if (!next.done) {
        yield { ...next.value, kind: "progress" };
        continue;
      }
      how = lease?.lost.aborted ? "lost" : cap.signal.aborted ? "capped" : left.aborted ? "left" : "done";
      const note = NOTES[how]?.(name, action);
      yield { ...next.value, kind: "result", ...(note !== undefined && { note }) };
      break;
    }
  } catch (err) {
    how = "failed";
    if (!(err instanceof ActionError) && !signal.aborted) log.warn({ err, ...who }, "an action failed");
    yield { kind: "error", error: err instanceof Error ? err.message : String(err) };
  } finally {
    clearTimeout(timer);
    cap.abort();
    // Whoever asked may have gone between two lines: what is open is closed.
    await work?.return({}).catch(() => {});
    one.ended();
    lease?.[Symbol.dispose]();
    const seconds = Number(((performance.now() - startedMs) / 1_000).toFixed(3));
    log.info({ ...who, seconds, how }, "an action ended");
  }
}

/** Why a run ended before its time. */
const NOTES: Readonly<Record<string, (name: string, action: Action) => string>> = {
  capped: (name, { caps }) => `ended after ${caps.seconds} s, the longest that ${name} may take`,
  lost: (name) =>
    `ended early: ${name} runs only while most of the agents that keep count can be told so, and for ${LEASE_SECONDS} s they could not`,
};
