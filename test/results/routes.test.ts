import { expect, test } from "vitest";
import { hopsOf, Routes } from "../../agent/results/routes.ts";

/** A clock at its own second 0 stands for this moment. */
const EPOCH = Date.parse("2026-01-01T00:00:00Z") / 1_000;
const at = (seconds: number) => new Date((EPOCH + seconds) * 1_000).toISOString();

function routes() {
  const all = new Routes(4);
  return {
    all,
    back: (second: number, ttl: number, port = 0) => all.travelledBack(1, second, { ttl, port }),
    there: (second: number, ttl: number | undefined, seenAs?: string, port = 0) =>
      all.travelledThere(1, second, { ttl, port, seenAs }),
    seen: (second: number) => all.seen(1, second, at),
  };
}

test.each([
  [64, 1],
  [61, 4],
  [128, 1],
  [120, 9],
  [255, 1],
  [254, 2],
  [1, 64],
])("a TTL of %i is left after %i hops, by what systems begin with", (ttl, hops) => {
  expect(hopsOf(ttl)).toBe(hops);
});

test("a change of hops is one when two packets in a row tell it, is told with its time, and for ten minutes", () => {
  const { back, seen } = routes();
  expect(seen(0)).toEqual({});
  back(1, 62);
  back(2, 61);
  back(3, 62);
  expect(seen(3)).toEqual({ hops: { now: 3 } });
  back(4, 61);
  back(5, 61);
  expect(seen(6)).toEqual({ hops: { now: 4, before: 3, changedAt: at(5) } });
  expect(seen(605)).toMatchObject({ hops: { before: 3 } });
  expect(seen(606)).toEqual({ hops: { now: 4 } });
});

test("a route that is soon as it was before is no change, in all of its source ports; one that changes again is", () => {
  const { there, seen } = routes();
  const hops = (from: number, until: number, ttl: number) => {
    for (let second = from; second < until; second++) there(second, ttl, undefined, second % 8);
  };
  hops(0, 16, 62);
  hops(16, 40, 61);
  expect(seen(40)).toMatchObject({ hopsThere: { now: 4, before: 3 } });
  hops(40, 80, 62);
  expect(seen(80)).toEqual({ hopsThere: { now: 3 } });
  hops(80, 120, 61);
  expect(seen(120)).toMatchObject({ hopsThere: { now: 4, before: 3 } });
  hops(120, 160, 60);
  expect(seen(160)).toMatchObject({ hopsThere: { now: 5, before: 4 } });
});

test("a route that is as it was before after more than ten minutes has changed once more", () => {
  const { back, seen } = routes();
  for (const [second, ttl] of [
    [1, 62],
    [2, 61],
    [3, 61],
    [700, 62],
    [701, 62],
  ] as const)
    back(second, ttl);
  expect(seen(702)).toEqual({ hops: { now: 3, before: 4, changedAt: at(701) } });
});

test("equal paths of unequal length are no change: each source port is compared with itself", () => {
  const { there, seen } = routes();
  for (let round = 0; round < 40; round++) there(round, round % 8 < 3 ? 60 : 61, undefined, round % 8);
  expect(seen(40)).toEqual({ hopsThere: { now: 5 } });
});

test("a changed route that all source ports take is one change, at the moment of the first two", () => {
  const { there, seen } = routes();
  for (let second = 0; second < 8; second++) there(second, 62, undefined, second);
  for (let second = 8; second < 30; second++) there(second, 60, undefined, second % 8);
  expect(seen(30)).toEqual({ hopsThere: { now: 5, before: 3, changedAt: at(9) } });
});

test("what an engine or a reflector cannot tell is left out, and the address seen is that of the last answer", () => {
  const { back, there, seen } = routes();
  back(1, -1);
  there(1, undefined, "192.0.2.1");
  expect(seen(1)).toEqual({ seenAs: "192.0.2.1" });
  there(2, 62, undefined);
  expect(seen(2)).toEqual({ hopsThere: { now: 3 } });
});

test("a slot that is opened again, and one beyond the rows so far, begin with nothing", () => {
  const { all, back, there, seen } = routes();
  back(1, 62);
  there(1, 62, "192.0.2.1");
  all.clear(1);
  expect(seen(1)).toEqual({});
  all.grow(8);
  all.travelledBack(7, 1, { ttl: 63, port: 0 });
  expect(all.seen(7, 1, at)).toEqual({ hops: { now: 2 } });
});
