// What a command says when the agent at --url is none, is slow, or is not there.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { UsageError } from "../../agent/cli/command.ts";
import { AgentUnreachable, fetchSnapshot, unreachable } from "../../agent/cli/mesh-client.ts";
import { readReach } from "../../agent/cli/reach.ts";

const never = new AbortController().signal;

async function said(body: string, status = 200): Promise<string> {
  const server = createServer((_, res) => res.writeHead(status).end(body));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return await fetchSnapshot(url, never).then(
      () => "a snapshot",
      (err: unknown) => {
        expect(err).toBeInstanceOf(AgentUnreachable);
        return (err as Error).message;
      },
    );
  } finally {
    server.close();
  }
}

test.each([
  ["{}", /is no internode agent: correct --url$/],
  ["null", /is no internode agent/],
  ['{"schemaVersion":1}', /is no internode agent/],
  ['{"schemaVersion":1,"rows":{},"nodes":[],"missing":[]}', /is no internode agent/],
  ['{"kind":"Status"}', /is no internode agent/],
  ['{"schemaVersion":99}', /speak version 99 of the mesh document/],
  ["<html>", /is no JSON; is this an internode agent\?$/],
])("an answer such as %s is no agent's, and is said so", async (body, message) => {
  expect(await said(body)).toMatch(message);
});

test("a refusal is told with its status and words, none of which a terminal obeys", async () => {
  expect(await said("boom\u001b[31m", 500)).toMatch(/answered 500: boom\\u\{1b\}\[31m$/);
});

const fault = (code: string, message: string) => Object.assign(new Error(message), { code });
const at = new URL("http://127.0.0.1:8843");

test("a fault of the connection is told in words, and only nobody there leads on to the cluster", () => {
  const slow = unreachable(at, fault("UND_ERR_HEADERS_TIMEOUT", "Headers Timeout Error"));
  expect(slow.message).toBe(
    "the agent at http://127.0.0.1:8843 took the connection and did not answer within 10 s: it is overloaded, or something else listens there",
  );
  expect(slow.nobodyThere).toBe(false);
  const refused = unreachable(at, fault("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:8843"));
  expect(refused.message).toMatch(
    /^no agent answers at http:\/\/127\.0\.0\.1:8843 \(connect ECONNREFUSED .*port-forward/,
  );
  expect(refused.nobodyThere).toBe(true);
});

test.each(["localhost:8843", "127.0.0.1:8843", "ftp://127.0.0.1", "node-1", "", "http://"])(
  "--url %s is bad usage, with a URL as it should be",
  (url) => {
    expect(() => readReach({ options: { url } }, {})).toThrow(UsageError);
    expect(() => readReach({ options: { url } }, {})).toThrow("--url takes a URL such as http://127.0.0.1:8843");
  },
);
