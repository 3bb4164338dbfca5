// Starts an action at the agent of a node and reads what it tells: at a URL, or through a port-forward to that agent's
// pod. Through the API server's proxy actions are refused, so it is not tried.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { userInfo } from "node:os";
import type { Duplex } from "node:stream";
import { wordsOf } from "../../actions/ask-agent.ts";
import { CALLER_HEADER, LinesError, readLines, TOKEN_HEADER, type Line } from "../../actions/lines.ts";
import { readBody } from "../../base/body.ts";
import { forText, forTextThroughout } from "../../base/escape.ts";
import { VERSION } from "../../model/version.ts";
import { AgentUnreachable, DEFAULT_URL, unreachable } from "../mesh-client.ts";
import { Progress } from "../progress.ts";
import type { Reach } from "../reach.ts";
import type { AgentAccess } from "./cluster-agent.ts";
import { namedToken, tokenAt } from "./token.ts";

export interface WantedAction {
  readonly action: string;
  /** Where it runs; any agent when it does not matter. */
  readonly node: string | undefined;
  readonly request: unknown;
  readonly tokenFile: string | undefined;
}

/** The agent would not do it: its own sentence, with the cure. */
export class ActionRefused extends AgentUnreachable {}

type Body = AsyncIterable<Uint8Array> & { destroy(): unknown };

/** An agent says at once that an action has begun; to pass it on and to count runs takes it some seconds at most. */
const ANSWER_MS = 15_000;
const MAX_REFUSAL_BYTES = 64 * 1024;

/** `progress` and `result` lines, their text as it may be shown. Throws AgentUnreachable, with the cure, for all that goes wrong. */
export async function* runAction(reach: Reach, wanted: WantedAction, signal: AbortSignal): AsyncGenerator<Line> {
  const body = await begin(reach, wanted, signal);
  let isWhole = false;
  try {
    for await (const line of readLines(body)) {
      if (line.kind === "error") throw new AgentUnreachable(forText(line.error));
      if (line.kind === "result") isWhole = true;
      if (line.kind !== "started") yield forTextThroughout(line) as Line;
    }
  } catch (err) {
    if (signal.aborted || err instanceof AgentUnreachable) throw err;
    const why = err instanceof LinesError ? err.message : (err as Error).message;
    throw new AgentUnreachable(`the connection to the agent broke off: ${forText(why)}`);
  } finally {
    body.destroy();
  }
  if (!isWhole && !signal.aborted)
    throw new AgentUnreachable("the connection to the agent broke off before the result: try again");
}

async function begin(reach: Reach, wanted: WantedAction, signal: AbortSignal): Promise<Body> {
  const token = await namedToken(wanted.tokenFile);
  switch (reach.kind) {
    case "url":
      return atUrl(reach.url, wanted, { token, signal });
    case "cluster":
      return inCluster(reach, wanted, { token, signal });
    case "nearest":
      try {
        return await atUrl(DEFAULT_URL, wanted, { token, signal });
      } catch (err) {
        if (!(err instanceof AgentUnreachable) || !err.nobodyThere) throw err;
        return inCluster(reach, wanted, { token, signal });
      }
  }
}

interface By {
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

async function atUrl(url: string, wanted: WantedAction, { token: named, signal }: By): Promise<Body> {
  const token = named ?? (await tokenAt(url));
  const { hostname, port, origin } = new URL(url);
  const target = { hostname: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port) };
  try {
    return await post({ target, host: new URL(url).host, name: `the agent at ${origin}` }, wanted, { token, signal });
  } catch (err) {
    if (signal.aborted || err instanceof AgentUnreachable) throw err;
    throw unreachable(new URL(url), err as Error);
  }
}

async function inCluster(
  reach: Extract<Reach, { readonly kind: "cluster" | "nearest" }>,
  wanted: WantedAction,
  { token, signal }: By,
): Promise<Body> {
  using progress = new Progress();
  const [{ agentAccesses }, { ClusterError, ForbiddenError }] = await Promise.all([
    import("./cluster-agent.ts"),
    import("../cluster/connection.ts"),
  ]);
  const failures: string[] = [];
  try {
    const accesses = await agentAccesses(reach, { node: wanted.node, token, signal }, (step) => progress.step(step));
    for (const access of accesses) {
      progress.step(`asking ${access.name} through a port-forward`);
      try {
        return await postThrough(access, wanted, signal);
      } catch (err) {
        if (signal.aborted || err instanceof AgentUnreachable || err instanceof ForbiddenError) throw err;
        failures.push(`${access.name}: ${(err as Error).message}`);
      }
    }
  } catch (err) {
    throw err instanceof ClusterError ? new AgentUnreachable(err.message, { cause: err }) : err;
  }
  throw new AgentUnreachable(failures.join("; and "));
}

async function postThrough(access: AgentAccess, wanted: WantedAction, signal: AbortSignal): Promise<Body> {
  const socket = await access.open();
  try {
    return await post({ socket, host: access.host, name: access.name }, wanted, { token: access.token, signal });
  } catch (err) {
    socket.destroy();
    throw err;
  }
}

interface Place {
  readonly target?: { readonly hostname: string; readonly port: number };
  readonly socket?: Duplex;
  readonly host: string;
  readonly name: string;
}

/** The body of an answer that is no refusal. Throws ActionRefused, or what the connection says. */
async function post(place: Place, { action, node, request }: WantedAction, { token, signal }: By): Promise<Body> {
  const query = node === undefined ? "" : `?${new URLSearchParams({ node }).toString()}`;
  const body = JSON.stringify(request);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const { socket, target } = place;
    socket?.on("error", reject);
    const ask = httpRequest({
      method: "POST",
      path: `/api/v1/actions/${action}${query}`,
      ...target,
      ...(socket && { createConnection: () => socket }),
      signal,
      headers: {
        host: place.host,
        connection: "close",
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": `internode/${VERSION}`,
        [CALLER_HEADER]: callerName(),
        ...(token !== undefined && { [TOKEN_HEADER]: token }),
      },
    });
    const late = () => void ask.destroy(new Error(`no answer within ${ANSWER_MS / 1_000} s`));
    const timer = setTimeout(late, ANSWER_MS);
    for (const event of ["response", "close"]) ask.on(event, () => clearTimeout(timer));
    ask.on("response", resolve).on("error", reject).end(body);
  });
  if (response.statusCode === 200) return response;
  const tooLarge = () => new LinesError("its answer is too long");
  const said = (await readBody(response, { maxBytes: MAX_REFUSAL_BYTES, tooLarge })).toString("utf8");
  const old = response.statusCode === 405 ? " (an agent of an older release: finish the upgrade)" : "";
  throw new ActionRefused(`${place.name} refuses (HTTP ${response.statusCode}): ${wordsOf(said)}${old}`);
}

/** For the agent's log, which says that anybody could have written it. */
function callerName(): string {
  try {
    return encodeURIComponent(userInfo().username);
  } catch {
    return "unknown";
  }
}
