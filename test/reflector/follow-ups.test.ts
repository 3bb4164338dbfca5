import { expect, test } from "vitest";
import { FollowUps } from "../../agent/reflector/follow-ups.ts";
import type { Life } from "../../agent/reflector/session-senders.ts";

const life = (): Life => ({
  incarnation: "00000000000000a0",
  arrivals: { highest: 0, high: 0, low: 1 },
  replies: new Uint32Array(8),
  latest: undefined,
  followUp: undefined,
});
const name = (number: number) => ({ number, nonceHigh: 4_000_000_000 + number, nonceLow: 4_100_000_000 + number });

test("a reply is followed up by the kernel's stamp of it, the first one where devices below add theirs", () => {
  const followUps = new FollowUps();
  const a = life();
  followUps.sent({ ...name(7), life: a, readNs: 1_000, transmitNs: 3_500 }, false);
  expect(a.followUp).toBeUndefined();
  expect(followUps.left(name(7), 4_200)).toBe(3_200);
  expect(followUps.left(name(7), 9_000)).toBeUndefined();
  expect(a.followUp).toEqual({ number: 7, correctionNs: 700 });
});

test("a looped frame of another packet, however alike, follows up on nothing", () => {
  const followUps = new FollowUps();
  const a = life();
  followUps.sent({ ...name(7), life: a, readNs: 0, transmitNs: 0 }, false);
  expect(followUps.left({ ...name(7), number: 8 }, 10)).toBeUndefined();
  expect(followUps.left({ ...name(7), nonceLow: name(7).nonceLow ^ 1 }, 10)).toBeUndefined();
  expect(followUps.left({ ...name(7), nonceHigh: 1 }, 10)).toBeUndefined();
  expect(a.followUp).toBeUndefined();
});

test("a stamp that comes after the next reply, from before the clock was read, or beyond belief is none", () => {
  const followUps = new FollowUps();
  const a = life();
  followUps.sent({ ...name(1), life: a, readNs: 0, transmitNs: 2_500 }, false);
  followUps.sent({ ...name(2), life: a, readNs: 100_000, transmitNs: 102_500 }, false);
  expect(followUps.left(name(1), 4_000)).toBe(4_000);
  expect(a.followUp).toBeUndefined();
  expect(followUps.left(name(2), 99_999)).toBeUndefined();
  followUps.sent({ ...name(3), life: a, readNs: 0, transmitNs: 0 }, false);
  expect(followUps.left(name(3), 2e9)).toBeUndefined();
  expect(a.followUp).toBeUndefined();
});

test("where nothing stamps, only the newest replies wait", () => {
  const followUps = new FollowUps();
  const lives = Array.from({ length: 5_000 }, (_, i) => {
    const one = life();
    followUps.sent({ ...name(i), life: one, readNs: 0, transmitNs: 0 }, false);
    return one;
  });
  for (let i = 0; i < 5_000; i++) followUps.left(name(i), 50);
  expect(lives.filter((one) => one.followUp !== undefined)).toHaveLength(4_096);
  expect(lives[0]!.followUp).toBeUndefined();
});
