import { expect, test } from "vitest";
import { LookupResults } from "../../agent/results/lookup-results.ts";
import { FakeClock } from "../support/fake-clock.ts";

const NAME = "kubernetes.default.svc.cluster.local";
const POD = { label: "pod", address: "10.244.1.2" };
const OTHER = { label: "pod", address: "10.244.2.2" };

function setUp() {
  const clock = new FakeClock({ baseSeconds: 1_000, startNs: 0, realtimeOffsetNs: 0 });
  return { clock, results: new LookupResults(clock) };
}

test("each server is told for itself, with its delay of the last minute", () => {
  const { clock, results } = setUp();
  results.opened(POD, NAME);
  results.opened(OTHER, NAME);
  results.answered(POD, NAME, 1_000);
  results.answered(POD, NAME, 3_000);
  results.answered(POD, NAME, undefined);
  results.failed(OTHER, NAME);
  const window = { server: "pod", names: "cluster" };
  expect(results.state()).toEqual([
    { ...window, address: "10.244.1.2", lookups: 3, failures: 0, meanNs: 2_000, maxNs: 3_000 },
    { ...window, address: "10.244.2.2", lookups: 1, failures: 1 },
  ]);
  clock.advanceMs(61_000);
  expect(results.state()).toMatchObject([{ lookups: 0 }, { lookups: 0, failures: 0 }]);
});

test("a server that is not asked any more is not told any more", () => {
  const { results } = setUp();
  results.opened(POD, NAME);
  results.opened(OTHER, NAME);
  results.closed(POD);
  expect(results.state()).toMatchObject([{ address: OTHER.address }]);
  results.closed(OTHER);
  expect(results.state()).toBeUndefined();
});

test("names of the outside are told apart from the cluster's own", () => {
  const { results } = setUp();
  for (const name of [NAME, "example.org"]) results.failed(POD, name);
  expect(results.state()!.map(({ names }) => names)).toEqual(["cluster", "external"]);
});
