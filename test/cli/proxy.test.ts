// Which way to the API server the environment asks for, as kubectl understands it.
import { expect, test } from "vitest";
import { proxyFor } from "../../agent/cli/cluster/proxy.ts";

const PROXY = "http://proxy.corp:3128";
const via = (server: string, env: NodeJS.ProcessEnv) => proxyFor(new URL(server), env);

test.each([
  ["https://kube.corp:6443", { HTTPS_PROXY: PROXY }, PROXY],
  ["https://kube.corp:6443", { https_proxy: "proxy.corp:3128" }, PROXY],
  ["https://kube.corp:6443", { HTTPS_PROXY: "socks5://proxy.corp" }, "socks5://proxy.corp"],
  ["https://kube.corp:6443", { HTTP_PROXY: PROXY }, undefined],
  ["http://kube.corp", { HTTP_PROXY: PROXY }, PROXY],
  ["https://kube.corp:6443", { HTTPS_PROXY: "" }, undefined],
  ["https://127.0.0.1:6443", { HTTPS_PROXY: PROXY }, undefined],
  ["https://localhost:6443", { HTTPS_PROXY: PROXY }, undefined],
  ["https://[::1]:6443", { HTTPS_PROXY: PROXY }, undefined],
])("to %s with %j by way of %s", (server, env, proxy) => {
  expect(via(server, env)).toBe(proxy);
});

test.each([
  ["kube.corp:6443", "*"],
  ["kube.corp:6443", "example.org, CORP"],
  ["kube.corp:6443", ".corp"],
  ["kube.corp:6443", "*.corp"],
  ["kube.corp:6443", "kube.corp:6443"],
  ["10.1.2.3:6443", "10.0.0.0/8"],
  ["10.1.2.3:6443", "10.1.2.3"],
  ["[fd00::1]:6443", "fd00::/48"],
  ["[fd00::1]:6443", "[fd00::1]:6443"],
])("%s is asked directly with NO_PROXY=%s", (host, NO_PROXY) => {
  expect(via(`https://${host}`, { HTTPS_PROXY: PROXY, NO_PROXY })).toBeUndefined();
});

test.each([
  ["kube.corp:6443", ""],
  ["kube.corp:6443", "be.corp"],
  ["corp:6443", ".corp"],
  ["kube.corp:6443", "kube.corp:443"],
  ["10.1.2.3:6443", "10.2.0.0/16"],
  ["kube.corp:6443", "10.0.0.0/8"],
])("%s is not, with NO_PROXY=%s", (host, NO_PROXY) => {
  expect(via(`https://${host}`, { HTTPS_PROXY: PROXY, NO_PROXY })).toBe(PROXY);
});
