// The cluster's own certificate authority, for a month, and what it signs. openssl makes them: Node.js cannot.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";

export interface Identity {
  readonly user: string;
  readonly groups?: readonly string[];
}

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export class CertificateAuthority {
  readonly folder: string;
  readonly certificate: string;
  readonly #key: string;

  constructor(folder: string) {
    this.folder = folder;
    this.certificate = join(folder, "ca.crt");
    this.#key = join(folder, "ca.key");
  }

  async create(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
    await this.#request("ca", { subject: "/CN=internode-test-cluster", extensions });
  }

  /** How a client shows who it is: the subject's CN is the user, each O a group. */
  client(file: string, { user, groups = [] }: Identity): Promise<KeyPair> {
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join("");
    return this.#sign(file, subject, ["extendedKeyUsage=clientAuth"]);
  }

  server(file: string, names: readonly string[]): Promise<KeyPair> {
    const alternatives = names.map((name) => (/^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(",");
    return this.#sign(file, `/CN=${file}`, ["extendedKeyUsage=serverAuth", `subjectAltName=${alternatives}`]);
  }

  /** For signing service-account tokens. */
  async tokenKey(): Promise<KeyPair> {
    const pair = { key: join(this.folder, "tokens.key"), certificate: join(this.folder, "tokens.pub") };
    await run("openssl", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", pair.key]);
    await run("openssl", ["pkey", "-in", pair.key, "-pubout", "-out", pair.certificate]);
    return pair;
  }

  async #sign(file: string, subject: string, extensions: readonly string[]): Promise<KeyPair> {
    const more = ["-CA", this.certificate, "-CAkey", this.#key];
    const all = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", ...extensions];
    await this.#request(file, { subject, extensions: all, more });
    return { certificate: join(this.folder, `${file}.crt`), key: join(this.folder, `${file}.key`) };
  }

  async #request(file: string, { subject, extensions, more = [] }: Request): Promise<void> {
    const path = join(this.folder, file);
    const config = ["[req]", "distinguished_name=dn", "prompt=no", "[dn]", "[extensions]", ...extensions, ""];
    await writeFile(`${path}.cnf`, config.join("\n"));
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${path}.key`];
    const shape = ["-config", `${path}.cnf`, "-extensions", "extensions", "-subj", subject, "-days", "30"];
    await run("openssl", ["req", "-x509", ...key, ...shape, ...more, "-out", `${path}.crt`]);
  }
}

interface Request {
  readonly subject: string;
  readonly extensions: readonly string[];
  readonly more?: readonly string[];
}

interface KubeconfigPlan {
  readonly server: string;
  readonly authority: CertificateAuthority;
  readonly client: KeyPair;
}

/** As JSON, which every reader of a kubeconfig takes; certificates inside, so that the file can be moved. */
export async function writeKubeconfig(file: string, { server, authority, client }: KubeconfigPlan): Promise<void> {
  const inline = async (path: string): Promise<string> => (await readFile(path)).toString("base64");
  const name = "internode";
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: { server, "certificate-authority-data": await inline(authority.certificate) } }],
    users: [
      {
        name,
        user: {
          "client-certificate-data": await inline(client.certificate),
          "client-key-data": await inline(client.key),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
  };
  await writeFile(file, JSON.stringify(kubeconfig, null, 2), { mode: 0o600 });
}
