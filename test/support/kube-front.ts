// The part of the Kubernetes API that a command uses from a laptop: pods by label, their ports by WebSocket
// (v4.channel.k8s.io, as the kubelet speaks it), and the proxy. Behind each pod stands a real port of this machine.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";

interface WebSocket {
  send(data: Uint8Array): void;
  close(): void;
  on(event: "message", listener: (data: Buffer) => void): this;
  on(event: "close", listener: () => void): this;
}
type Done = (socket: WebSocket) => void;
/** It comes with the Kubernetes client, without types. */
const { WebSocketServer } = createRequire(import.meta.url)("ws") as {
  readonly WebSocketServer: new (options: {
    readonly noServer: true;
    readonly handleProtocols: (offered: ReadonlySet<string>) => string;
  }) => { handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: Done): void };
};

export interface FrontPod {
  readonly name: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly daemonSet?: string;
  /** Where its port really is; nothing listens at port 9. */
  readonly at: { readonly host: string; readonly port: number };
}

export interface KubeFront extends AsyncDisposable {
  readonly kubeconfig: string;
  pods: readonly FrontPod[];
  /** What is refused to this user, of "list-all", "list", "forward" and "proxy". */
  readonly forbidden: Set<string>;
  /** Pods to which a port-forward is neither opened nor refused, as to those of a node that is gone. */
  readonly silent: Set<string>;
  /** What was asked for, and how many connections to pods were open at most. */
  readonly asked: string[];
  mostForwards: number;
}

const TOKEN = "the-token-of-this-user";

export async function startKubeFront(): Promise<KubeFront> {
  const directory = mkdtempSync(join(tmpdir(), "internode-kube-"));
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered].find((p) => p === "v4.channel.k8s.io")!,
  });
  let forwards = 0;
  const server = createServer((req, res) => answer(front, req, res));
  server.on("upgrade", (req: IncomingMessage, socket, head: Buffer) => {
    const pod = podOf(front, req.url!, /\/pods\/([^/]+)\/portforward/);
    front.asked.push(`forward ${pod?.name ?? req.url!}`);
    if (pod && front.silent.has(pod.name)) return void socket.on("end", () => socket.destroy()).resume();
    if (front.forbidden.has("forward") || req.headers.authorization !== `Bearer ${TOKEN}` || !pod)
      return void socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    sockets.handleUpgrade(req, socket, head, (ws) => {
      front.mostForwards = Math.max(front.mostForwards, ++forwards);
      ws.on("close", () => void (forwards -= 1));
      carry(ws, pod);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(directory, "config");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "here",
      clusters: [{ name: "here", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "me", user: { token: TOKEN } }],
      contexts: [{ name: "here", context: { cluster: "here", user: "me" } }],
    }),
  );
  const front: KubeFront = {
    kubeconfig,
    pods: [],
    silent: new Set(),
    forbidden: new Set(),
    asked: [],
    mostForwards: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
  return front;
}

function answer(front: KubeFront, req: IncomingMessage, res: ServerResponse): void {
  const url = new URL(req.url!, "http://kube");
  const refuse = (status: number, message: string) =>
    void res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ kind: "Status", message }));
  if (req.headers.authorization !== `Bearer ${TOKEN}`) return refuse(401, "Unauthorized");
  const [, namespace] = /^\/api\/v1\/(?:namespaces\/([^/]+)\/)?pods$/.exec(url.pathname) ?? [];
  if (url.pathname.endsWith("/pods")) {
    front.asked.push(namespace === undefined ? "list-all" : `list ${namespace}`);
    if (front.forbidden.has(namespace === undefined ? "list-all" : "list"))
      return refuse(403, `pods is forbidden: User "me" cannot list resource "pods"`);
    const items = front.pods.filter((pod) => namespace === undefined || namespaceOf(pod) === namespace).map(podObject);
    return void res.end(JSON.stringify({ kind: "PodList", items }));
  }
  const pod = podOf(front, url.pathname, /\/pods\/([^/:]+):8843\/proxy/);
  if (!pod) return refuse(404, `${url.pathname} not found`);
  front.asked.push(`proxy ${pod.name}`);
  if (front.forbidden.has("proxy"))
    return refuse(403, `pods "${pod.name}" is forbidden: cannot get resource "pods/proxy"`);
  const path = url.pathname.slice(url.pathname.indexOf("/proxy") + "/proxy".length);
  request({ ...pod.at, path }, (far) => {
    res.writeHead(far.statusCode!);
    far.pipe(res);
  })
    .on("error", () => refuse(503, "error trying to reach service"))
    .end();
}

const namespaceOf = ({ namespace = "internode" }: FrontPod): string => namespace;
const podOf = (front: KubeFront, path: string, pattern: RegExp): FrontPod | undefined =>
  front.pods.find(({ name }) => name === pattern.exec(path)?.[1]);

function podObject(pod: FrontPod): object {
  const { name, node, ready = true, daemonSet = "internode" } = pod;
  return {
    metadata: { name, namespace: namespaceOf(pod), ownerReferences: [{ kind: "DaemonSet", name: daemonSet }] },
    spec: {
      nodeName: node,
      containers: [
        {
          ports: [
            { name: "probe", containerPort: 7843 },
            { name: "http", containerPort: 8843 },
          ],
        },
      ],
    },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: ready ? [] : [{ state: { waiting: { reason: "CrashLoopBackOff" } } }],
    },
  };
}

const AWAY_MS = 20;
const DATA = 0;
const ERROR = 1;

function carry(ws: WebSocket, pod: FrontPod): void {
  // Each stream begins with the port that it is of.
  for (const stream of [DATA, ERROR]) ws.send(Buffer.from([stream, 8843 & 0xff, 8843 >> 8]));
  const far = connect(pod.at);
  // Some milliseconds away, as a cluster is.
  far.on("data", (data: Buffer) => void setTimeout(() => ws.send(Buffer.concat([Buffer.from([DATA]), data])), AWAY_MS));
  far.on("error", (err) => ws.send(Buffer.from(`\u0001error forwarding port 8843 to pod: ${err.message}`)));
  far.on("close", () => void setTimeout(() => ws.close(), AWAY_MS));
  ws.on("message", (data) => {
    if (data[0] === DATA) far.write(data.subarray(1));
  });
  ws.on("close", () => far.destroy());
}
