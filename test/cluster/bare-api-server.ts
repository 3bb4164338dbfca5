// etcd and a real API server on loopback, with nothing behind them: objects are kept, checked and refused as in a
// cluster, and no node ever runs. No right is needed for it.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTools } from "../../scripts/tools/cache.ts";
import { CertificateAuthority, writeKubeconfig } from "./certificates.ts";
import { run } from "./command.ts";
import { until } from "./until.ts";

export interface BareApiServer extends AsyncDisposable {
  /** Of somebody who may do all. */
  readonly kubeconfig: string;
  /** Of a user who may do what RBAC objects say, and nothing else at first. */
  readonly restricted: string;
  apply(...objects: readonly object[]): Promise<void>;
  /** Of an object that is there: what a controller would have written. */
  status(resource: string, name: string, status: object): Promise<void>;
}

const SERVICE_CIDR = "10.96.0.0/16";
export const RESTRICTED_USER = "somebody";

export async function startBareApiServer(): Promise<BareApiServer> {
  const folder = await mkdtemp(join(tmpdir(), "internode-apiserver-"));
  const programs = await ensureTools(["etcd", "kubernetes"]);
  const children: ChildProcess[] = [];
  const dispose = async () => {
    // The API server first: without its store it only complains.
    for (const child of children.toReversed()) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null && child.kill("SIGKILL")) await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  const start = (program: string, args: readonly string[]): void => {
    children.push(spawn(program, args, { stdio: "ignore", cwd: folder }));
  };
  try {
    const [store, peer, port] = [await freePort(), await freePort(), await freePort()];
    start(programs["etcd"]!, [
      `--data-dir=${join(folder, "etcd")}`,
      `--listen-client-urls=http://127.0.0.1:${store}`,
      `--advertise-client-urls=http://127.0.0.1:${store}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      "--unsafe-no-fsync",
    ]);
    const authority = new CertificateAuthority(join(folder, "pki"));
    await authority.create();
    const server = await authority.server("apiserver", ["kubernetes", "127.0.0.1", "10.96.0.1"]);
    const tokens = await authority.tokenKey();
    start(programs["kube-apiserver"]!, [
      `--etcd-servers=http://127.0.0.1:${store}`,
      `--service-cluster-ip-range=${SERVICE_CIDR}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=192.0.2.1",
      `--secure-port=${port}`,
      "--authorization-mode=RBAC",
      // Its account does not come without a controller manager.
      "--disable-admission-plugins=ServiceAccount",
      `--client-ca-file=${authority.certificate}`,
      `--tls-cert-file=${server.certificate}`,
      `--tls-private-key-file=${server.key}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-signing-key-file=${tokens.key}`,
      `--service-account-key-file=${tokens.certificate}`,
    ]);
    const kubeconfig = async (user: string, groups: readonly string[] = []): Promise<string> => {
      const file = join(folder, `${user}.kubeconfig`);
      const client = await authority.client(user, { user, groups });
      await writeKubeconfig(file, { server: `https://127.0.0.1:${port}`, authority, client });
      return file;
    };
    const [all, restricted] = [await kubeconfig("admin", ["system:masters"]), await kubeconfig(RESTRICTED_USER)];
    const kubectl = (...args: readonly string[]) => run(programs["kubectl"]!, ["--kubeconfig", all, ...args]);
    await until("the API server to be ready", async () => {
      try {
        return (await kubectl("get", "--raw", "/readyz")) === "ok";
      } catch {
        return false;
      }
    });
    return {
      kubeconfig: all,
      restricted,
      async apply(...objects) {
        const file = join(folder, "objects.json");
        await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
        await kubectl("apply", "--server-side", "-f", file);
      },
      async status(resource, name, status) {
        await kubectl(
          "patch",
          resource,
          name,
          "--subresource=status",
          "--type=merge",
          "-p",
          JSON.stringify({ status }),
        );
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (err) {
    await dispose();
    throw err;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
