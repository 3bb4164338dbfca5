import { writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, vi } from "vitest";
import { authorityFault } from "../../../agent/mesh/connection-errors.ts";
import { kubeAccess } from "../../../agent/mesh/kube-access.ts";
import type { ApiServerOptions } from "../../support/api-server-process.ts";
import { INTERMEDIATE, withOpenssl, type Signed } from "../../support/tls-authority.ts";
import { podEndpoint, until, watchedSource } from "../../support/watched-source.ts";
import { needs } from "../../support/needs.ts";

const { describe, test } = await needs("openssl");

const w = watchedSource({ startsApi: false });
const DAY_MS = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);

let made: Readonly<Record<string, Signed>>;
beforeAll(() => {
  made = withOpenssl((openssl) => {
    const root = openssl.selfSigned("the authority");
    const intermediate = openssl.sign({ by: root, commonName: "an intermediate", extensions: INTERMEDIATE });
    const atName = ["subjectAltName=DNS:kubernetes.default.svc", "extendedKeyUsage=serverAuth"];
    const forClients = ["subjectAltName=IP:127.0.0.1", "extendedKeyUsage=clientAuth"];
    return {
      root,
      intermediate,
      sameName: openssl.selfSigned("the authority"),
      stranger: openssl.selfSigned("another authority"),
      alone: openssl.selfSigned("a server", ["subjectAltName=IP:127.0.0.1"]),
      server: openssl.sign({ by: root }),
      expired: openssl.sign({ by: root, from: inDays(-3), until: inDays(-1) }),
      future: openssl.sign({ by: root, from: inDays(1), until: inDays(3) }),
      expiredRoot: openssl.sign({ by: root, extensions: INTERMEDIATE, from: inDays(-3), until: inDays(-1) }),
      named: openssl.sign({ by: root, extensions: atName }),
      client: openssl.sign({ by: root, extensions: forClients }),
      underIntermediate: openssl.sign({ by: intermediate }),
    };
  });
});

/** What the server has, and what its clients have in ca.crt: names of what was made, one below the other. */
const files = (server: readonly string[], ca: readonly string[]): NonNullable<ApiServerOptions["files"]> => ({
  "server.key": made[server[0]!]!.key,
  "server.crt": server.map((name) => made[name]!.certificate).join(""),
  "ca.crt": ca.map((name) => made[name]!.certificate).join(""),
});

describe("a certificate of the authority in ca.crt is accepted", () => {
  test.each([
    ["that signed it", ["server"], ["root"]],
    ["that is an intermediate itself, as Go's programs accept it", ["underIntermediate"], ["intermediate"]],
    ["that is an intermediate, sent along by the server", ["underIntermediate", "intermediate"], ["intermediate"]],
    ["above the intermediate that the server sends", ["underIntermediate", "intermediate"], ["root"]],
    ["that is one of several, the others unknown or expired", ["server"], ["stranger", "expiredRoot", "root"]],
  ])("%s", async (_, server, ca) => {
    await w.startApi({ files: files(server, ca) });
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    w.start();
    await w.untilNames("node-1");
    expect(w.heard.failures).toEqual([]);
  });
});

describe("what is wrong with TLS is told with its own cure, and nothing is sent", () => {
  test.each<[string, readonly string[], readonly string[], RegExp]>([
    ["an expired certificate", ["expired"], ["root"], /certificate has expired.*renew it.*clock of this node/s],
    ["one that begins later", ["future"], ["root"], /not yet valid.*begins later than now/s],
    ["one for another name", ["named"], ["root"], /127\.0\.0\.1 is not in the cert's list.*apiServer\.certSANs/s],
    ["one that is for clients", ["client"], ["root"], /unsuitable certificate purpose.*serverAuth/s],
    ["one of another authority", ["server"], ["stranger"], /not of the authority in ca\.crt/],
    ["one of another authority of the same name", ["server"], ["sameName"], /not of the authority in ca\.crt/],
    ["one whose intermediate is not sent", ["underIntermediate"], ["root"], /does not send the intermediate/],
    ["another authority, sent along", ["server", "root"], ["stranger"], /the server sends an authority that is not/i],
    ["one signed by nobody else", ["alone"], ["root"], /signed by nobody but itself/],
  ])("%s", async (_, server, ca, expected) => {
    await w.startApi({ files: files(server, ca) });
    w.start();
    await until(() => expect(w.heard.failures.length).toBeGreaterThan(0));
    expect(w.heard.failures[0]).toMatch(expected);
    expect(w.heard.failures[0]).not.toMatch(/--use-system-ca|routines/);
    expect(await w.api.seen()).toEqual([]);
  });

  test.each<[string, ApiServerOptions["transport"], RegExp]>([
    [
      "a client certificate is demanded",
      { demandsCertificate: true },
      /closed the connection without an answer.*client certificate/s,
    ],
    [
      "a client certificate is demanded by TLS 1.2",
      { demandsCertificate: true, maxVersion: "TLSv1.2" },
      /handshake failure.*wants a client certificate/s,
    ],
    ["TLS is too old", { maxVersion: "TLSv1.1" }, /protocol version.*TLS of version 1\.2/s],
    ["there is none", { plain: true }, /wrong version number.*does not speak TLS/s],
  ])("%s", async (_, transport, expected) => {
    await w.startApi({ files: files(["server"], ["root"]), transport: transport! });
    w.start();
    await until(() => expect(w.heard.failures.length).toBeGreaterThan(0));
    expect(w.heard.failures.at(-1)).toMatch(expected);
    expect(w.heard.failures.at(-1)).not.toMatch(/routines/);
  });

  test.each([
    ["hangs up", (socket: Socket) => void socket.end()],
    ["says something else", (socket: Socket) => void socket.end("SSH-2.0-OpenSSH_9.6\r\n")],
  ])("a server that %s when TLS begins", async (_, greet) => {
    await w.startApi();
    const server = createServer((socket) => greet(socket.on("error", () => {})));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(port) };
    w.start({ access: kubeAccess({ env, serviceAccountDirectory: w.api.directory }) });
    await until(() => expect(w.heard.failures.at(-1)).toMatch(/hung up when TLS began|does not speak TLS/));
    server.close();
  });

  test.each([
    ["no certificate", () => "authority", /ca\.crt is of no use: it holds no certificate in PEM form/],
    ["nothing", () => "", /it holds no certificate/],
    [
      "a damaged one",
      () => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      /no certificate in it can be read/,
    ],
    ["an authority that is over", () => made["expiredRoot"]!.certificate, /was valid until .*kube-root-ca\.crt/],
  ])("ca.crt with %s", async (_, ca, expected) => {
    await w.startApi();
    writeFileSync(join(w.api.directory, "ca.crt"), ca());
    w.start();
    await until(() => expect(w.heard.failures[0]).toMatch(expected));
  });

  test("a client certificate of a kubeconfig that the server does not accept", async () => {
    await w.startApi({
      files: files(["server"], ["root"]),
      transport: { demandsCertificate: true, maxVersion: "TLSv1.2" },
    });
    const kubeconfig = join(w.api.directory, "kubeconfig");
    const encoded = (text: string) => Buffer.from(text).toString("base64");
    const cluster = {
      server: `https://127.0.0.1:${w.api.port}`,
      "certificate-authority-data": encoded(made["root"]!.certificate),
    };
    const { certificate, key } = made["alone"]!;
    const user = { "client-certificate-data": encoded(certificate), "client-key-data": encoded(key) };
    const context = { cluster: "c", user: "u" };
    writeFileSync(
      kubeconfig,
      `\u{feff}${JSON.stringify({
        "current-context": "here",
        contexts: [{ name: "here", context }],
        clusters: [{ name: "c", cluster }],
        users: [{ name: "u", user }],
      })}`,
    );
    vi.stubEnv("KUBECONFIG", kubeconfig);
    try {
      w.start({ access: kubeAccess({ env: { KUBECONFIG: kubeconfig } }) });
      await until(() => expect(w.heard.failures.at(-1)).toMatch(/does not accept this client's certificate/));
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

test("an authority that is over beside one that is not is no fault", () => {
  expect(authorityFault(made["expiredRoot"]!.certificate + made["root"]!.certificate)).toBeUndefined();
});
