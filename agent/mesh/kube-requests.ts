// The two requests the mesh makes of the API server: a list, page by page, and a watch, event by event. All that comes
// back is checked here; whatever is malformed is an error, never half a list.
import type { IncomingHttpHeaders } from "undici/types/header.js";
import * as z from "zod";
import { readBody } from "../base/body.ts";
import { endpointSlice, SERVICE_NAME_LABEL, type EndpointSlice } from "./endpoint-slice.ts";
import type { KubeAccess } from "./kube-access.ts";
import { HistoryGoneError, MalformedAnswerError, refusal, type Resource } from "./kube-errors.ts";
import { linesOf } from "./lines.ts";
import { unlessSilent } from "./silence.ts";

const PAGE_SLICES = 500;
const MAX_PAGES = 20;
const MAX_PAGE_BYTES = 64 * 1024 * 1024;
/** A slice of 1000 endpoints is below 1 MB. */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;
const ANSWER_TIMEOUT_MS = 30_000;

const sliceList = z.object({
  kind: z.literal("EndpointSliceList"),
  metadata: z.object({ resourceVersion: z.string().min(1).max(64), continue: z.string().max(8_192).optional() }),
  items: z.array(endpointSlice).nullish(),
});
const status = z.object({ code: z.number().optional(), message: z.string().optional() });
const watchEvent = z.object({ type: z.string().max(32), object: z.unknown() });
const bookmark = z.object({ metadata: z.object({ resourceVersion: z.string().min(1).max(64) }) });

export interface SliceList {
  readonly resourceVersion: string;
  readonly slices: readonly EndpointSlice[];
}

export type SliceEvent =
  /** The server has begun to answer: what is known is current. */
  | { readonly type: "open" }
  | { readonly type: "bookmark"; readonly resourceVersion: string }
  | { readonly type: "changed" | "deleted"; readonly resourceVersion: string; readonly slice: EndpointSlice };

export interface Request {
  readonly access: KubeAccess;
  readonly resource: Resource;
  readonly signal: AbortSignal;
}

/** The complete list. `resourceVersion` "0": whatever the server has in its cache; absent: the newest. */
export async function listSlices(request: Request, resourceVersion?: "0"): Promise<SliceList> {
  const slices: EndpointSlice[] = [];
  let proceed: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = {
      limit: `${PAGE_SLICES}`,
      ...(proceed === undefined ? (resourceVersion === undefined ? {} : { resourceVersion }) : { continue: proceed }),
    };
    await using answer = await get(request, { query, silenceMs: ANSWER_TIMEOUT_MS });
    const list = read(sliceList, json(await textOf(answer.body, MAX_PAGE_BYTES)));
    for (const slice of list.items ?? []) slices.push(checkOwner(slice, request.resource));
    proceed = list.metadata.continue;
    if (proceed === undefined || proceed === "") return { resourceVersion: list.metadata.resourceVersion, slices };
  }
  throw new MalformedAnswerError(`the list of EndpointSlices does not end after ${MAX_PAGES} pages of ${PAGE_SLICES}`);
}

export interface WatchOptions {
  readonly resourceVersion: string;
  /** The server ends the watch after this long. */
  readonly timeoutSeconds: number;
  /** A connection that brings no byte for this long is given up. */
  readonly idleTimeoutMs: number;
}

/** Ends when the server ends it. Throws HistoryGoneError when only a new list helps. */
export async function* watchSlices(
  request: Request,
  { resourceVersion, timeoutSeconds, idleTimeoutMs }: WatchOptions,
): AsyncGenerator<SliceEvent> {
  const query = { watch: "1", resourceVersion, allowWatchBookmarks: "true", timeoutSeconds: `${timeoutSeconds}` };
  await using answer = await get(request, { query, silenceMs: idleTimeoutMs });
  yield { type: "open" };
  for await (const line of linesOf(answer.body, MAX_EVENT_BYTES)) {
    const { type, object } = read(watchEvent, json(line));
    switch (type) {
      case "ADDED":
      case "MODIFIED":
      case "DELETED": {
        const slice = checkOwner(read(endpointSlice, object), request.resource);
        yield {
          type: type === "DELETED" ? "deleted" : "changed",
          resourceVersion: slice.metadata.resourceVersion,
          slice,
        };
        break;
      }
      case "BOOKMARK":
        yield { type: "bookmark", resourceVersion: read(bookmark, object).metadata.resourceVersion };
        break;
      case "ERROR": {
        const { code = 0, message = "" } = read(status, object);
        if (code === 410) throw new HistoryGoneError(message);
        throw refusal(code, message, request.resource);
      }
      default:
        throw new MalformedAnswerError(`the watch brought an event of unknown type ${JSON.stringify(type)}`);
    }
  }
}

interface Answer extends AsyncDisposable {
  readonly body: AsyncIterable<Uint8Array>;
}

async function get(
  { access, resource, signal }: Request,
  { query, silenceMs }: { readonly query: Readonly<Record<string, string>>; readonly silenceMs: number },
): Promise<Answer> {
  const connection = await access.connect();
  const search = new URLSearchParams({ labelSelector: `${SERVICE_NAME_LABEL}=${resource.service}`, ...query });
  try {
    const { statusCode, headers, body } = await connection.dispatcher.request({
      origin: connection.server,
      path: `${basePath(connection.server)}/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(resource.namespace)}/endpointslices?${search.toString()}`,
      method: "GET",
      headers: { ...connection.headers, accept: "application/json", "user-agent": "internode" },
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: 0,
      signal,
    });
    const close = async (): Promise<void> => {
      body.on("error", () => {}).destroy();
      await connection[Symbol.asyncDispose]();
    };
    const bytes = unlessSilent(body, silenceMs);
    if (statusCode !== 200) {
      const detail = await detailOf(bytes, headers);
      await close();
      throw statusCode === 410 ? new HistoryGoneError(detail) : refusal(statusCode, detail, resource);
    }
    return { body: bytes, [Symbol.asyncDispose]: close };
  } catch (err) {
    await connection[Symbol.asyncDispose]();
    throw err;
  }
}

/** A kubeconfig's server may have a path in front (a proxy of several clusters); undici takes the origin's only. */
const basePath = (server: string): string => new URL(server).pathname.replace(/\/$/, "");

async function detailOf(body: AsyncIterable<Uint8Array>, headers: IncomingHttpHeaders): Promise<string> {
  try {
    const text = await textOf(body, 64 * 1024);
    const isJson = String(headers["content-type"] ?? "").includes("json");
    return (isJson ? read(status, json(text)).message : text.trim().split("\n")[0]) ?? "";
  } catch {
    return "";
  }
}

async function textOf(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const tooLarge = () => new MalformedAnswerError(`the answer is larger than ${maxBytes} bytes`);
  return (await readBody(body, { maxBytes, tooLarge })).toString("utf8");
}

/** A server that answers with somebody else's slices must not make this agent probe them. */
function checkOwner(slice: EndpointSlice, { namespace, service }: Resource): EndpointSlice {
  const { name, namespace: foundIn, labels } = slice.metadata;
  if (foundIn !== namespace || labels?.[SERVICE_NAME_LABEL] !== service)
    throw new MalformedAnswerError(
      `EndpointSlice ${foundIn}/${name} does not belong to Service ${service} in namespace ${namespace}, which was asked for`,
    );
  return slice;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedAnswerError(`not JSON: ${JSON.stringify(text.slice(0, 60))}`);
  }
}

function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new MalformedAnswerError(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}
