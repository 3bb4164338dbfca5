// How to reach the API server and as whom: the service account of a pod, or a kubeconfig outside of one.
import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { Dispatcher } from "undici";
import { readText } from "../base/files.ts";
import { authorityFault } from "./connection-errors.ts";
import { DiscoveryError } from "./kube-errors.ts";

/** A way to make one request. Credentials are read anew for each: tokens and certificates rotate. */
export interface KubeConnection extends AsyncDisposable {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
}

export interface KubeAccess extends AsyncDisposable {
  connect(): Promise<KubeConnection>;
}

/** Where the kubelet mounts a pod's credentials. */
export const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/** A bundle of many authorities is a tenth of it. */
const MAX_CREDENTIAL_BYTES = 1024 * 1024;

export interface KubeAccessOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly serviceAccountDirectory?: string;
}

/** A KUBECONFIG that somebody set wins; else the pod's service account; else the kubeconfig in the home directory. */
export function kubeAccess({
  env,
  serviceAccountDirectory = SERVICE_ACCOUNT_DIRECTORY,
}: KubeAccessOptions): KubeAccess {
  const host = env["KUBERNETES_SERVICE_HOST"];
  if ((env["KUBECONFIG"] ?? "") !== "" || host === undefined || host === "") return kubeconfigAccess();
  const port = env["KUBERNETES_SERVICE_PORT"] ?? "443";
  return new ServiceAccountAccess(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`, serviceAccountDirectory);
}

// HTTP/1.1: one connection a watch, so that a silent one can be given up alone. TCP keepalive as client-go has it.
const AGENT_OPTIONS = { allowH2: false, pipelining: 1 } as const;
const CONNECT_OPTIONS = {
  timeout: 10_000,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
  // An authority in ca.crt is trusted though another one is above it, as Go's programs do.
  allowPartialTrustChain: true,
} as const;

/** Does without the Kubernetes client, which would cost each agent 55 MB of memory for two files. */
class ServiceAccountAccess implements KubeAccess {
  readonly #server: string;
  readonly #directory: string;
  #agent: { readonly ca: string; readonly dispatcher: Dispatcher } | undefined;

  constructor(server: string, directory: string) {
    this.#server = server;
    this.#directory = directory;
  }

  async connect(): Promise<KubeConnection> {
    // In this order: of two files that are missing, the same one is named every time.
    const token = await this.#read("token");
    const ca = await this.#read("ca.crt");
    if (this.#agent?.ca !== ca) {
      const fault = authorityFault(ca);
      if (fault !== undefined)
        throw new DiscoveryError(
          `the service account's ${join(this.#directory, "ca.crt")} is of no use: ${fault}. It comes from the ConfigMap kube-root-ca.crt of the pod's namespace; correct the cluster's authority (kube-controller-manager --root-ca-file).`,
        );
      await this.#agent?.dispatcher.destroy();
      const { Agent } = await import("../base/http-agent.ts");
      this.#agent = { ca, dispatcher: new Agent({ ...AGENT_OPTIONS, connect: { ...CONNECT_OPTIONS, ca } }) };
    }
    return {
      server: this.#server,
      headers: { authorization: `Bearer ${token.trim()}` },
      dispatcher: this.#agent.dispatcher,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async #read(name: string): Promise<string> {
    const path = join(this.#directory, name);
    try {
      return await readText(path, MAX_CREDENTIAL_BYTES);
    } catch (err) {
      throw new DiscoveryError(
        `cannot read the service account's ${path}: ${(err as Error).message}. The pod needs automountServiceAccountToken: true.`,
        { cause: err },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.dispatcher.destroy();
  }
}

/** Everything a kubeconfig can say of authentication (exec plugins, OIDC …) is the client's; loaded only here. */
function kubeconfigAccess(): KubeAccess {
  let loading: ReturnType<typeof loadKubeconfig> | undefined;
  return {
    async connect() {
      const kubeconfig = await (loading ??= loadKubeconfig());
      const cluster = kubeconfig.getCurrentCluster();
      if (!cluster)
        throw new DiscoveryError(
          "the kubeconfig has no current cluster. Set current-context, or KUBECONFIG to another file.",
        );
      const options: {
        -readonly [
          key in "ca" | "cert" | "key" | "passphrase" | "servername" | "rejectUnauthorized" | "auth"
        ]?: unknown;
      } & { headers?: Record<string, string> } = {};
      await kubeconfig.applyToHTTPSOptions(options);
      const { ca, cert, key, passphrase, servername, rejectUnauthorized, auth, headers = {} } = options;
      const given = Object.entries({ ca, cert, key, passphrase, servername, rejectUnauthorized }).filter(
        ([, value]) => value !== undefined && value !== null,
      );
      const tls = { ...CONNECT_OPTIONS, ...Object.fromEntries(given) };
      const undici = await import("undici");
      const dispatcher = cluster.proxyUrl
        ? new undici.ProxyAgent({ uri: cluster.proxyUrl, requestTls: tls, ...AGENT_OPTIONS })
        : new undici.Agent({ ...AGENT_OPTIONS, connect: tls });
      const basic = typeof auth === "string" ? { authorization: `Basic ${Buffer.from(auth).toString("base64")}` } : {};
      return {
        server: cluster.server.replace(/\/$/, ""),
        headers: { ...basic, ...headers },
        dispatcher,
        [Symbol.asyncDispose]: () => dispatcher.destroy(),
      };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function loadKubeconfig() {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromDefault();
  return kubeconfig;
}
