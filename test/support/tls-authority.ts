// Certificate authorities and what they sign, made by openssl: for tests of everything that can be wrong with TLS.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Signed {
  readonly key: string;
  readonly certificate: string;
}

export interface SignRequest {
  readonly by: Signed;
  readonly commonName?: string;
  /** Lines of an openssl extension file. Default: a server's at 127.0.0.1. */
  readonly extensions?: readonly string[];
  readonly from?: Date;
  readonly until?: Date;
}

const SERVER_AT_LOOPBACK = ["subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth"];
export const INTERMEDIATE = ["basicConstraints=critical,CA:true", "keyUsage=keyCertSign,cRLSign"];
const DAY_MS = 86_400_000;

const CONFIGURATION = `
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = names
unique_subject = no
[names]
commonName = supplied
`;

/** A workshop in a directory of its own, gone after `use`. */
export function withOpenssl<T>(use: (openssl: Openssl) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "internode-tls-"));
  try {
    writeFileSync(join(directory, "ca.cnf"), CONFIGURATION);
    return use(new Openssl(directory));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export class Openssl {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Signed by itself; an authority unless `extensions` say otherwise. */
  selfSigned(commonName: string, extensions: readonly string[] = []): Signed {
    this.#newKey();
    const more = extensions.flatMap((extension) => ["-addext", extension]);
    this.#openssl(`req -x509 -new -key new.key -days 2 -out new.crt`, "-subj", `/CN=${commonName}`, ...more);
    return this.#made();
  }

  sign({ by, commonName = "kube-apiserver", extensions = SERVER_AT_LOOPBACK, from, until }: SignRequest): Signed {
    this.#newKey();
    for (const [name, text] of [
      ["by.key", by.key],
      ["by.crt", by.certificate],
      ["new.ext", extensions.join("\n")],
      ["index.txt", ""],
    ] as const)
      writeFileSync(join(this.#directory, name), text);
    this.#openssl("req -new -key new.key -out new.csr", "-subj", `/CN=${commonName}`);
    const validity = `-startdate ${asn1Time(from ?? new Date(Date.now() - DAY_MS))} -enddate ${asn1Time(until ?? new Date(Date.now() + DAY_MS))}`;
    this.#openssl(
      `ca -batch -notext -config ca.cnf -in new.csr -cert by.crt -keyfile by.key -extfile new.ext -out new.crt ${validity}`,
    );
    return this.#made();
  }

  #newKey(): void {
    this.#openssl("ecparam -name prime256v1 -genkey -noout -out new.key");
  }

  #made(): Signed {
    const read = (name: string) => readFileSync(join(this.#directory, name), "utf8");
    return { key: read("new.key"), certificate: read("new.crt") };
  }

  /** `words` are separated by spaces; `more` is given as it is. */
  #openssl(words: string, ...more: string[]): void {
    const args = [...words.split(" "), ...more];
    execFileSync("openssl", args, { cwd: this.#directory, stdio: ["ignore", "ignore", "pipe"] });
  }
}

/** 20261123170211Z */
const asn1Time = (date: Date): string => `${date.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
