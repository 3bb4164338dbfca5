import { expect, test } from "vitest";
import { FAILED, REFUSED, type Outcome } from "../../agent/model/outcome.ts";
import type { ServicePath } from "../../agent/model/service.ts";
import { ServiceResults } from "../../agent/results/service-results.ts";
import { FakeClock } from "../support/fake-clock.ts";

const path: ServicePath = { index: 0, service: "agents", family: "ipv4", address: "10.96.0.7" };
const answered = (rttNs: number | undefined): Outcome => ({ kind: "answered", rttNs, clock: "kernel" });

function setUp() {
  const clock = new FakeClock();
  const results = new ServiceResults(clock);
  results.looked("agents", undefined);
  return { clock, results };
}

test("where no Service is probed the row says nothing of it", () => {
  expect(new ServiceResults(new FakeClock()).state()).toBeUndefined();
});

test("an address that is known has its counters at 0", () => {
  const { results } = setUp();
  expect(results.totals().addresses).toEqual(new Map([["agents", 0]]));
  results.opened(path);
  const { paths, addresses } = results.totals();
  expect(paths).toEqual([expect.objectContaining({ service: "agents", family: "ipv4", probes: 0, failures: 0 })]);
  expect(addresses).toEqual(new Map([["agents", 1]]));
});

test("a refusal is a failure: whoever asked has got nothing", () => {
  const { results } = setUp();
  results.opened(path);
  results.record(path, answered(200_000));
  results.record(path, REFUSED);
  results.record(path, FAILED.timeout);
  results.record(path, { ...answered(undefined), retransmits: 2 });
  expect(results.totals().paths[0]).toMatchObject({
    probes: 4,
    failures: 2,
    reasons: new Map([
      ["refused", 1],
      ["timeout", 1],
    ]),
    retransmits: 2,
    rttCount: 1,
    rttSumNs: 200_000,
  });
  expect(results.state()?.paths).toEqual([
    {
      service: "agents",
      family: "ipv4",
      address: "10.96.0.7",
      probes: 4,
      failures: 2,
      reasons: { timeout: 1, refused: 1 },
      retransmits: 2,
      rttMeanNs: 200_000,
    },
  ]);
});

test("the row covers a minute, the totals the life of the agent", () => {
  const { clock, results } = setUp();
  results.opened(path);
  results.record(path, FAILED.timeout);
  clock.advanceMs(61_000);
  expect(results.state()?.paths[0]).toMatchObject({ probes: 0, failures: 0 });
  expect(results.totals().paths[0]).toMatchObject({ probes: 1, failures: 1 });
});

test("a Service with another address goes on counting, and its minute begins anew", () => {
  const { results } = setUp();
  results.opened(path);
  results.record(path, FAILED.timeout);
  const moved = { ...path, address: "10.96.0.8" };
  results.closed(path);
  results.opened(moved);
  results.record(moved, answered(100_000));
  expect(results.state()?.paths).toMatchObject([{ address: "10.96.0.8", probes: 1, failures: 0 }]);
  expect(results.totals().paths).toMatchObject([{ probes: 2, failures: 1 }]);
});

test("a Service without an address is told with the reason", () => {
  const { results } = setUp();
  results.opened(path);
  results.looked("agents", "DNS knows no internode-agents");
  expect(results.state()?.unresolved).toEqual([]);
  results.closed(path);
  expect(results.state()).toEqual({
    paths: [],
    unresolved: [{ service: "agents", reason: "DNS knows no internode-agents" }],
  });
  expect(results.totals().addresses).toEqual(new Map([["agents", 0]]));
});
