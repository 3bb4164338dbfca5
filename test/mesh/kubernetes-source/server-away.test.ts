import { expect, test } from "vitest";
import { podEndpoint, until, watchedSource } from "../../support/watched-source.ts";
import { needs } from "../../support/needs.ts";

const { describe } = await needs("openssl");

const w = watchedSource();

describe("an API server that is away", () => {
  test("keeps what is known, says so, and is found again", async () => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    w.start();
    await w.watching();
    await w.api.down();
    await until(() => expect(w.heard.failures.length).toBeGreaterThan(2));
    expect(w.heard.failures.at(-1)).toMatch(
      /discovery of Service internode in namespace monitoring.*ECONNREFUSED.*last known peers stay/s,
    );
    expect(w.heard.lists).toHaveLength(1);
    const { synced } = w.heard;
    await w.api.up();
    await w.watching();
    await until(() => expect(w.heard.synced).toBeGreaterThan(synced));
    await w.api.apply("internode-2", podEndpoint("node-2", "10.0.0.2"));
    await w.untilNames("node-1", "node-2");
  });

  test("from the start is waited for", async () => {
    await w.api.down();
    w.start();
    await until(() => expect(w.heard.failures.length).toBeGreaterThan(1));
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    await w.api.up();
    await w.untilNames("node-1");
  });

  test("and comes back slow is waited for too", async () => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    await w.api.behave({ delayMs: 800 });
    w.start();
    await w.untilNames("node-1");
    expect(w.heard.failures).toEqual([]);
  });
});

describe("refusals", () => {
  test.each([
    [
      403,
      "endpointslices.discovery.k8s.io is forbidden",
      /answered 403 to listing the EndpointSlices of Service internode.*is forbidden.*verbs list and watch on endpointslices.*Role/s,
    ],
    [404, "not found", /answered 404.*discovery\.k8s\.io\/v1 is not served/s],
    [429, "too many requests", /answered 429.*overloaded/s],
    [500, "etcdserver: leader changed", /answered 500.*leader changed.*waits and tries again/s],
    [302, "elsewhere", /answered 302.*address is that of a Kubernetes API server/s],
  ])("%i is told with its cure, and tried again", async (code, message, expected) => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    await w.api.behave({ status: { code, message } });
    w.start();
    await until(() => expect(w.heard.failures.length).toBeGreaterThan(1));
    expect(w.heard.failures[0]).toMatch(expected);
    await w.api.behave({});
    await w.untilNames("node-1");
  });
});
