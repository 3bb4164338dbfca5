// POST /api/v1/actions/NAME and /api/v1/claims over HTTP: a small JSON body in, JSON lines out, for as long as the
// asker stays.
import type { Express, Request, Response } from "express";
import { once } from "node:events";
import { readBody } from "../base/body.ts";
import type { ActionDesk, Asked } from "../actions/desk.ts";
import { addressOf } from "./access.ts";
import { CALLER_HEADER, FORWARDED_HEADER, LINES_TYPE, lineText, TOKEN_HEADER } from "../actions/lines.ts";

export const ACTIONS_PATH = "/api/v1/actions/";
export const CLAIMS_PATH = "/api/v1/claims";

export const isActionPath = (path: string): boolean => path.startsWith(ACTIONS_PATH) || path === CLAIMS_PATH;

const MAX_BODY_BYTES = 16 * 1024;
/** An asker whose connection takes nothing for this long is gone. */
const STALL_MS = 30_000;
const MAX_NAME_CHARS = 253;

export function actionRoutes(app: Express, desk: ActionDesk | undefined): void {
  app.all(`${ACTIONS_PATH}:name`, (req, res) => onlyPost(req, res, () => act(desk, req, res)));
  app.all(CLAIMS_PATH, (req, res) => onlyPost(req, res, () => claim(desk, req, res)));
}

async function onlyPost(req: Request, res: Response, answer: () => Promise<void>): Promise<void> {
  if (req.method === "POST") return answer();
  res
    .status(405)
    .set("Allow", "POST")
    .json({ error: `${req.path} is asked with POST` });
}

async function act(desk: ActionDesk | undefined, req: Request, res: Response): Promise<void> {
  const left = new AbortController();
  res.on("close", () => left.abort());
  const { node } = req.query;
  if (node !== undefined && typeof node !== "string") return refuse(res, 400, "name one node with 'node'");
  const asked = await askedOf(req, res, left.signal);
  if (asked === undefined) return;
  if (desk === undefined) return refuse(res, 403, "actions are off here");
  const answer = await desk.ask({ ...asked, name: String(req.params["name"]), node });
  if ("error" in answer) return refuse(res, answer.status, answer.error);
  res.set({ "Content-Type": LINES_TYPE, "X-Accel-Buffering": "no" }).flushHeaders();
  for await (const line of answer.lines) {
    if (left.signal.aborted) break;
    if (!res.write(lineText(line)) && !(await drained(res, left.signal))) break;
  }
  res.end();
}

async function claim(desk: ActionDesk | undefined, req: Request, res: Response): Promise<void> {
  const asked = await askedOf(req, res, AbortSignal.abort());
  if (asked === undefined) return;
  if (desk === undefined) return refuse(res, 403, "actions are off here");
  const answer = await desk.claim(asked);
  if ("error" in answer) refuse(res, answer.status, answer.error);
  else res.json(answer);
}

/** Undefined: it has been answered. */
async function askedOf(
  req: Request,
  res: Response,
  signal: AbortSignal,
): Promise<Omit<Asked, "name" | "node"> | undefined> {
  if (!/^application\/json\b/i.test(req.headers["content-type"] ?? "")) {
    refuse(res, 415, "send the request as JSON, with Content-Type: application/json");
    return undefined;
  }
  try {
    const tooLarge = () => new RangeError("too large");
    const body = (await readBody(req, { maxBytes: MAX_BODY_BYTES, tooLarge })).toString("utf8");
    const request: unknown = JSON.parse(body.trim() === "" ? "{}" : body);
    const text = (name: string) => req.get(name)?.slice(0, MAX_NAME_CHARS);
    return {
      request,
      token: req.get(TOKEN_HEADER),
      from: addressOf(req.socket.remoteAddress) ?? "unknown",
      caller: text(CALLER_HEADER),
      forwardedBy: text(FORWARDED_HEADER),
      signal,
    };
  } catch (err) {
    if (err instanceof RangeError) refuse(res, 413, `a request has at most ${MAX_BODY_BYTES} bytes`);
    else refuse(res, 400, "the request is no JSON");
    return undefined;
  }
}

async function drained(res: Response, left: AbortSignal): Promise<boolean> {
  try {
    await once(res, "drain", { signal: AbortSignal.any([left, AbortSignal.timeout(STALL_MS)]) });
    return true;
  } catch {
    return false;
  }
}

function refuse(res: Response, status: number, error: string): void {
  res.status(status).json({ error });
}
