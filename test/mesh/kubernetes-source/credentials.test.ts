import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { kubeAccess } from "../../../agent/mesh/kube-access.ts";
import { makeCertificates } from "../../support/api-server-process.ts";
import { podEndpoint, until, watchedSource } from "../../support/watched-source.ts";
import { needs } from "../../support/needs.ts";

const { describe } = await needs("openssl");

const w = watchedSource();

describe("credentials", () => {
  beforeEach(async () => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
  });

  test("a token that rotated is read again", async () => {
    w.start();
    await w.watching();
    await w.api.behave({ tokens: ["token-2"] });
    await w.api.cutWatches();
    await until(() => expect(w.heard.failures.at(-1)).toMatch(/answered 401.*Unauthorized.*token is not valid/));
    w.api.writeToken("token-2\n");
    await w.watching();
    expect((await w.requests("watch")).at(-1)).toMatchObject({ authorization: "Bearer token-2", status: 200 });
  });

  test("a byte order mark in token and ca.crt, as some editors leave it, is not taken for a part of them", async () => {
    const ca = readFileSync(join(w.api.directory, "ca.crt"), "utf8");
    writeFileSync(join(w.api.directory, "ca.crt"), `\u{feff}${ca}`);
    w.api.writeToken("\u{feff}token-1\n");
    w.start();
    await w.untilNames("node-1");
    expect((await w.requests("list"))[0]).toMatchObject({ authorization: "Bearer token-1" });
  });

  test("a missing token file is an error with its path, not a crash", async () => {
    w.start({
      access: kubeAccess({ env: w.api.podEnvironment, serviceAccountDirectory: join(w.api.directory, "nowhere") }),
    });
    await until(() => expect(w.heard.failures[0]).toMatch(/nowhere\/token.*automountServiceAccountToken/));
  });

  test("a server with another authority's certificate is not talked to, until ca.crt is the right one", async () => {
    const other = join(w.api.directory, "other");
    makeCertificates(other);
    writeFileSync(join(other, "token"), "token-1");
    w.start({ access: kubeAccess({ env: w.api.podEnvironment, serviceAccountDirectory: other }) });
    await until(() =>
      expect(w.heard.failures[0]).toContain("The server sends an authority that is not the one in ca.crt"),
    );
    expect(await w.api.seen()).toEqual([]);
    writeFileSync(join(other, "ca.crt"), readFileSync(join(w.api.directory, "ca.crt")));
    await w.untilNames("node-1");
  });

  test("outside of a cluster a kubeconfig with a client certificate is used", async () => {
    const kubeconfig = join(w.api.directory, "kubeconfig");
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        "current-context": "here",
        contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
        clusters: [
          {
            name: "c",
            cluster: {
              server: `https://127.0.0.1:${w.api.port}`,
              "certificate-authority": join(w.api.directory, "ca.crt"),
            },
          },
        ],
        users: [
          {
            name: "u",
            user: {
              "client-certificate": join(w.api.directory, "client.crt"),
              "client-key": join(w.api.directory, "client.key"),
            },
          },
        ],
      }),
    );
    vi.stubEnv("KUBECONFIG", kubeconfig);
    try {
      w.start({ access: kubeAccess({ env: { KUBECONFIG: kubeconfig } }) });
      await w.untilNames("node-1");
      expect((await w.requests("list"))[0]).toMatchObject({ clientCertificate: "an engineer" });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
