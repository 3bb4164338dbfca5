// A container registry that takes pushes, as the OCI distribution specification has them: blobs in one piece or in several,
// then manifests by tag.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** "repository:tag" → its manifest. */
  readonly manifests: ReadonlyMap<string, { readonly mediaType: string; readonly body: string }>;
  /** By digest. */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

export async function startRegistry(): Promise<Registry> {
  const manifests = new Map<string, { mediaType: string; body: string }>();
  const blobs = new Map<string, Buffer>();
  const uploads = new Map<string, Buffer>();

  const answer = async (req: IncomingMessage): Promise<{ status: number; headers?: Record<string, string> }> => {
    const url = new URL(req.url!, "http://registry");
    const body = await bodyOf(req);
    if (url.pathname === "/v2/") return { status: 200 };
    const [, repository, kind, name] =
      /^\/v2\/(.+)\/(manifests|blobs|blobs\/uploads)\/([^/]*)$/.exec(url.pathname) ?? [];
    if (repository === undefined) return { status: 404 };
    if (kind === "manifests" && req.method === "PUT") {
      manifests.set(`${repository}:${name}`, { mediaType: req.headers["content-type"]!, body: body.toString() });
      return { status: 201, headers: { "Docker-Content-Digest": digestOf(body) } };
    }
    if (kind === "blobs") {
      const blob = blobs.get(name!);
      return blob === undefined
        ? { status: 404 }
        : { status: 200, headers: { "Content-Length": String(blob.length), "Docker-Content-Digest": name! } };
    }
    if (kind === "blobs/uploads") {
      const id = name === "" ? String(uploads.size + 1) : name!;
      const sent = Buffer.concat([uploads.get(id) ?? Buffer.alloc(0), body]);
      uploads.set(id, sent);
      const digest = url.searchParams.get("digest");
      if (req.method !== "PUT" || digest === null)
        return {
          status: 202,
          headers: { Location: `/v2/${repository}/blobs/uploads/${id}`, Range: `0-${sent.length - 1}` },
        };
      if (digestOf(sent) !== digest) return { status: 400 };
      blobs.set(digest, sent);
      return { status: 201, headers: { "Docker-Content-Digest": digest } };
    }
    return { status: 404 };
  };

  const server = createServer((req, res) => {
    void answer(req).then(({ status, headers }) => res.writeHead(status, headers).end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    manifests,
    blobs,
    async [Symbol.asyncDispose]() {
      server.close().closeAllConnections();
      await once(server, "close");
    },
  };
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
