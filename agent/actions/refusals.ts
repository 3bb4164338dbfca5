// Why an action does not run, with the cure, and the log of those that were turned away.
import { TokenBucket } from "../base/token-bucket.ts";
import type { TokenFile } from "../base/token-file.ts";
import { LEASE_SECONDS, type Votes, type WhyNot } from "./claims.ts";

export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 409 | 429 | 502 | 503;
  readonly error: string;
}

/** Undefined: whoever gave this token may ask. */
export async function refusalOfToken(
  token: string | undefined,
  { isEnabled, file }: { readonly isEnabled: boolean; readonly file: TokenFile | undefined },
): Promise<Refusal | undefined> {
  if (!isEnabled || file === undefined)
    return {
      status: 403,
      error:
        "actions are off here: set config.actions.enabled to true in the chart's values (actions.enabled of the agent), as docs/actions.md says",
    };
  const given = await file.judge(token);
  switch (given.kind) {
    case "right":
      return undefined;
    case "none":
      return { status: 503, error: `this agent has no token to compare with: ${given.why}` };
    case "missing":
      return {
        status: 401,
        error:
          "an action needs the token in the header X-Internode-Token: give --token-file or INTERNODE_TOKEN, or use a kubeconfig that may read the Secret",
      };
    case "wrong":
      return {
        status: 401,
        error: "this is not the token of these agents: take it from the Secret that their pods mount (volume 'token')",
      };
  }
}

export function notGranted(
  name: string,
  limit: number,
  { why, votes }: { readonly why: WhyNot; readonly votes: Votes },
): Refusal {
  const rule = `${name} runs only when most of the agents that keep count say that no other does`;
  switch (why.kind) {
    case "taken": {
      const runs = limit === 1 ? "one runs" : `${limit} run`;
      return { status: 409, error: `${runs} in the mesh already, started at ${why.holder}: wait until it has ended` };
    }
    case "unasked":
      return {
        status: 503,
        error: `${rule}, and ${votes.granted + votes.abstained} of ${votes.asked} could be asked: repair the mesh first, or ask an agent that reaches more`,
      };
    case "abstained":
      return {
        status: 503,
        error: `${rule}, and ${votes.abstained} of ${votes.asked} have only just started: try again in ${LEASE_SECONDS} s`,
      };
  }
}

/** Somebody who tries a thousand tokens must not fill the log. */
const LOGGED_PER_SECOND = 1;
const LOGGED_BURST = 20;

interface TurnedAway {
  readonly name: string;
  /** The address that it came from. */
  readonly from: string;
  readonly caller: string | undefined;
  readonly forwardedBy: string | undefined;
}

export class RefusalLog {
  readonly #log: { warn(details: object, message: string): void };
  readonly #logged = new TokenBucket({ perSecond: LOGGED_PER_SECOND, burst: LOGGED_BURST, nowNs: nowNs() });
  #notLogged = 0;

  constructor(log: { warn(details: object, message: string): void }) {
    this.#log = log;
  }

  add({ name, from, caller, forwardedBy }: TurnedAway, { status, error }: Refusal): void {
    if (!this.#logged.take(nowNs())) return void this.#notLogged++;
    const notLogged = this.#notLogged;
    this.#notLogged = 0;
    this.#log.warn(
      {
        action: name.slice(0, 64),
        from,
        ...(caller && { caller }),
        ...(forwardedBy && { forwardedBy }),
        status,
        reason: error,
        ...(notLogged > 0 && { notLogged }),
      },
      "an action is refused",
    );
  }
}

const nowNs = (): number => performance.now() * 1e6;
