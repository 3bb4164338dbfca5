// Starts api-server.ts as a process of its own, with a fresh certificate authority, and steers it.
import { execFileSync, fork, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Behaviour, Command, Reply, SeenRequest, Slice, Transport } from "./api-server.ts";

export interface ApiServerOptions {
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly transport?: Transport;
  /** The network namespace it runs in; absent: this one. */
  readonly namespace?: string;
}

export class ApiServerProcess implements AsyncDisposable {
  /** ca.crt, token: as the kubelet mounts a service account; client.crt and client.key beside them. */
  readonly directory: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (reply: Reply) => void; readonly reject: (err: Error) => void }
  >();
  #lastId = 0;
  port = 0;

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.#child = child;
    child.on("message", ({ id, reply }: { id: number; reply: Reply }) => {
      this.#waiting.get(id)?.resolve(reply);
      this.#waiting.delete(id);
    });
    child.on("exit", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the API server process ended with ${code}`));
    });
  }

  /** `files`: in place of those that its directory has otherwise, for its TLS and for its clients. */
  static async start({ files = {}, transport = {}, namespace }: ApiServerOptions = {}): Promise<ApiServerProcess> {
    const directory = mkdtempSync(join(tmpdir(), "internode-api-"));
    for (const [name, bytes] of certificates()) writeFileSync(join(directory, name), bytes);
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, name), bytes);
    writeFileSync(join(directory, "token"), "token-1");
    const child = fork(
      fileURLToPath(new URL("api-server.ts", import.meta.url)),
      [directory, JSON.stringify(transport)],
      {
        ...(namespace === undefined
          ? { execArgv: [] }
          : { execPath: "ip", execArgv: ["netns", "exec", namespace, process.execPath] }),
        env: { PATH: process.env["PATH"] },
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      },
    );
    const server = new ApiServerProcess(directory, child);
    server.port = (await server.#reply(0)).port;
    return server;
  }

  /** The environment of a pod, for kubeAccess. */
  get podEnvironment(): Record<string, string> {
    return { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(this.port) };
  }

  writeToken(token: string): void {
    writeFileSync(join(this.directory, "token"), token);
  }

  async apply(name: string, ...endpoints: object[]): Promise<void> {
    await this.#command({ do: "apply", name, slice: { endpoints } });
  }
  async applySlice(name: string, slice: Slice): Promise<void> {
    await this.#command({ do: "apply", name, slice });
  }
  async delete(name: string): Promise<void> {
    await this.#command({ do: "delete", name });
  }
  async behave(behaviour: Behaviour): Promise<void> {
    await this.#command({ do: "behave", behaviour });
  }
  async compact(): Promise<void> {
    await this.#command({ do: "compact" });
  }
  async cutWatches(): Promise<void> {
    await this.#command({ do: "cut-watches" });
  }
  async silenceWatches(): Promise<void> {
    await this.#command({ do: "silence-watches" });
  }
  async writeToWatches(text: string): Promise<void> {
    await this.#command({ do: "write-to-watches", text });
  }
  async down(): Promise<void> {
    await this.#command({ do: "down" });
  }
  async up(): Promise<void> {
    await this.#command({ do: "up" });
  }
  /** The process stops running: connections stay, nothing moves on them. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }
  thaw(): void {
    this.#child.kill("SIGCONT");
  }
  async seen(): Promise<readonly SeenRequest[]> {
    return (await this.#command({ do: "seen" })).seen;
  }
  async openWatches(): Promise<number> {
    return (await this.#command({ do: "seen" })).openWatches;
  }
  async resourceVersion(): Promise<number> {
    return (await this.#command({ do: "seen" })).resourceVersion;
  }

  #command(command: Command): Promise<Reply> {
    this.#lastId += 1;
    const reply = this.#reply(this.#lastId);
    this.#child.send({ id: this.#lastId, command });
    return reply;
  }

  #reply(id: number): Promise<Reply> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGKILL");
      await ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Made once in each process that runs tests. */
let made: ReadonlyMap<string, Buffer> | undefined;
function certificates(): ReadonlyMap<string, Buffer> {
  if (made) return made;
  const directory = mkdtempSync(join(tmpdir(), "internode-ca-"));
  try {
    makeCertificates(directory);
    made = new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]));
  } finally {
    rmSync(directory, { recursive: true });
  }
  return made;
}

/** An authority, the server's certificate for 127.0.0.1, a client's. */
export function makeCertificates(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "ignore"] });
  const key = (name: string) => openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`);
  const sign = (name: string, subject: string, extensions: string) => {
    key(name);
    writeFileSync(join(directory, `${name}.ext`), extensions);
    openssl("req", "-new", "-key", `${name}.key`, "-subj", subject, "-out", `${name}.csr`);
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.crt`,
    );
  };
  key("ca");
  openssl("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=test authority", "-days", "2", "-out", "ca.crt");
  sign(
    "server",
    "/CN=kube-apiserver",
    "subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth",
  );
  sign("client", "/CN=an engineer", "extendedKeyUsage=clientAuth");
}
