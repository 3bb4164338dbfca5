// The API server as a kubeconfig names it: one GET at a time, and the raw port of a pod. Exec plugins, tokens and client
// certificates are the Kubernetes client's business.
import type { KubeConfig } from "@kubernetes/client-node";
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { Duplex, PassThrough } from "node:stream";
import { readBody } from "../../base/body.ts";
import { forText } from "../../base/escape.ts";
import { codeOf, connectionCure, reasonOf } from "../../mesh/connection-errors.ts";
import { AbsentError, ClusterError, ForbiddenError } from "./errors.ts";
import { loadKubeconfig, type ClusterOptions } from "./kubeconfig.ts";

export { AbsentError, ClusterError, ForbiddenError };

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** What the client opens: a WebSocket, since it is not told to try again. */
interface Forwarding {
  close(): void;
  addEventListener(event: "close", listener: () => void): void;
}

const TIMEOUT_MS = 10_000;
/** Of a node that is gone the API server says so after half a minute only. */
const HANDSHAKE_MS = 5_000;
const POD_MS = 5_000;
const MAX_BYTES = 64 * 1024 * 1024;

export class ClusterConnection {
  readonly #kubeconfig: KubeConfig;
  readonly server: string;
  /** " by way of the proxy …", or nothing. */
  readonly #by: string;
  /** Where the context works, when it says so. */
  readonly namespace: string | undefined;

  constructor(kubeconfig: KubeConfig) {
    this.#kubeconfig = kubeconfig;
    const cluster = kubeconfig.getCurrentCluster();
    if (cluster === null)
      throw new ClusterError(
        "the kubeconfig has no current context: choose one with --context, or 'kubectl config use-context'",
      );
    this.server = cluster.server.replace(/\/$/, "");
    if (!URL.canParse(this.server))
      throw new ClusterError(`the kubeconfig's server '${forText(this.server)}' is no URL: correct it`);
    // Without the password that may be in it.
    this.#by = cluster.proxyUrl
      ? ` by way of the proxy ${URL.parse(cluster.proxyUrl)?.host ?? forText(cluster.proxyUrl)}`
      : "";
    this.namespace = kubeconfig.getContextObject(kubeconfig.getCurrentContext())?.namespace;
  }

  /** Throws ClusterError. */
  get(path: string, signal: AbortSignal): Promise<Buffer> {
    return this.#get(path, {
      signal,
      timeoutMs: TIMEOUT_MS,
      blames: (why) => `the API server at ${new URL(this.server).origin} cannot be asked${this.#by}: ${why}`,
    });
  }

  /** What a pod answers, by way of the API server's proxy: where nothing comes it is the pod's. Throws ClusterError. */
  getFromPod({ namespace, name, port }: Pod, path: string, signal: AbortSignal): Promise<Buffer> {
    return this.#get(`${podPath({ namespace, name, port })}/proxy${path}`, {
      signal,
      timeoutMs: POD_MS,
      blames: (why) => `pod ${namespace}/${name} cannot be asked by way of the API server's proxy: ${why}`,
    });
  }

  async #get(
    path: string,
    {
      signal,
      timeoutMs,
      blames,
    }: { readonly signal: AbortSignal; readonly timeoutMs: number; readonly blames: (why: string) => string },
  ): Promise<Buffer> {
    const url = new URL(this.server + path);
    const options: RequestOptions = { timeout: timeoutMs, signal };
    try {
      await withCredentials(this.#kubeconfig, options);
      const response = await answered(url, options, timeoutMs);
      const body = await readBody(response, {
        maxBytes: MAX_BYTES,
        tooLarge: () => new ClusterError(`${path} answers more than ${MAX_BYTES} bytes`),
      });
      if (response.statusCode === 200) return body;
      if (response.statusCode === 401) throw new ClusterError(notSignedIn(this.#kubeconfig));
      throw refusal(path, response.statusCode ?? 0, body.toString("utf8"));
    } catch (err) {
      if (err instanceof ClusterError || signal.aborted) throw err;
      throw new ClusterError(blames(forText(whyOf(err as Error))), { cause: err });
    }
  }

  /** A connection to a pod's port, as it looks from the pod's own loopback. Throws ClusterError. */
  async forward({ namespace, name, port }: Pod, handshakeMs = HANDSHAKE_MS): Promise<Duplex> {
    const { PortForward } = await import("@kubernetes/client-node");
    const [toPod, fromPod, faults] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const socket = Duplex.from({ writable: toPod, readable: fromPod });
    try {
      const client = new PortForward(withHandshake(this.#kubeconfig, handshakeMs));
      const forwarding = (await client.portForward(namespace, name, [port], fromPod, faults, toPod)) as Forwarding;
      forwarding.addEventListener("close", () => void fromPod.end());
      socket.on("close", () => forwarding.close());
    } catch (err) {
      if (err instanceof ClusterError) throw err;
      const why = (err as { readonly message?: string }).message ?? "no answer";
      const said = /handshake has timed out/.test(why) ? `no answer within ${handshakeMs / 1_000} s` : forText(why);
      if (said.endsWith(" 401")) throw new ClusterError(notSignedIn(this.#kubeconfig));
      const what = `no port-forward to pod ${namespace}/${name}: ${said}`;
      throw said.endsWith(" 403")
        ? new ForbiddenError(`${what}; ${ruleFor("pods/portforward", "create")}`)
        : new ClusterError(what);
    }
    faults.on(
      "data",
      (text: Buffer) =>
        void socket.destroy(new ClusterError(`pod ${namespace}/${name}: ${forText(text.toString("utf8"))}`)),
    );
    return socket;
  }
}

/** Certificates and tokens, as the kubeconfig has them or as the command of its exec plugin prints them. */
async function withCredentials(kubeconfig: KubeConfig, options: RequestOptions): Promise<void> {
  try {
    await kubeconfig.applyToHTTPSOptions(options);
  } catch (err) {
    const { name, exec } = kubeconfig.getCurrentUser() ?? { name: "none" };
    const command = (exec as { readonly command?: string } | undefined)?.command;
    const said = forText(err instanceof Error ? err.message : String(err)).trim() || "it failed without a word";
    throw new ClusterError(
      command === undefined
        ? `the credentials of user '${forText(name)}' of the kubeconfig cannot be used: ${said}`
        : `the exec plugin '${forText(command)}' of user '${forText(name)}' of the kubeconfig gives no credentials: ${said}; run it yourself, or sign in anew`,
      { cause: err },
    );
  }
}

/** An expired certificate or token looks the same as a wrong one: the API server tells nobody more. */
function notSignedIn(kubeconfig: KubeConfig): string {
  const { name, exec } = kubeconfig.getCurrentUser() ?? { name: "none" };
  const command = (exec as { readonly command?: string } | undefined)?.command;
  const cure = command === undefined ? "renew them in the kubeconfig" : `sign in anew with '${forText(command)}'`;
  return `the API server does not accept the credentials of user '${forText(name)}' of the kubeconfig (HTTP 401): they are expired or wrong; ${cure}`;
}

const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_|PATH_LENGTH_|EPROTO$)/;

/** What the other causes ask of an agent's pod is not for a laptop. */
function whyOf(err: Error): string {
  const cure = TLS.test(codeOf(err) ?? "") ? connectionCure(err) : "";
  return cure === "" ? reasonOf(err) : `${reasonOf(err)}. ${cure}`;
}

/** The client lets nobody bound how long its WebSocket may take to open; it passes on what is set here. */
function withHandshake(kubeconfig: KubeConfig, handshakeTimeout: number): KubeConfig {
  const bounded = Object.create(kubeconfig) as KubeConfig;
  bounded.applyToHTTPSOptions = async (options) => {
    await withCredentials(kubeconfig, options);
    Object.assign(options, { handshakeTimeout });
  };
  return bounded;
}

/** Throws ClusterError, and UsageError for what was typed and is not there. */
export const openCluster = async (
  options: ClusterOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ClusterConnection> => new ClusterConnection(await loadKubeconfig(options, env));

export const ruleFor = (resource: string, verb: string, group = ""): string =>
  `the RBAC rule that allows it: apiGroups: ["${group}"], resources: ["${resource}"], verbs: ["${verb}"]`;

const podPath = ({ namespace, name, port }: Pod): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}:${port}`;

function answered(url: URL, options: RequestOptions, timeoutMs: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, options, resolve);
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
    request.on("error", reject).end();
  });
}

function refusal(path: string, status: number, body: string): ClusterError {
  let said = body;
  try {
    said = (JSON.parse(body) as { readonly message?: string }).message ?? body;
  } catch {
    // Not the API server's own words, or those of a pod behind it.
  }
  const words = `HTTP ${status} for ${path.split("?")[0]}: ${forText(said.slice(0, 300).trim())}`;
  if (status === 403) return new ForbiddenError(words);
  return status === 404 ? new AbsentError(words) : new ClusterError(words);
}
