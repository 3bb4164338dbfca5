import { beforeEach, expect, test } from "vitest";
import { FrameQueue, type DetourFault } from "../../../lab/faults/frame-queue.ts";
import { ethernetFrame, ipv4, udp, vxlan } from "./frames.ts";

let nowMs = 0;
let random = 0;
let out: number[] = [];
let queue: FrameQueue;

beforeEach(() => {
  [nowMs, random, out] = [0, 0, []];
  queue = new FrameQueue({ emit: (frame) => out.push(frame.at(-1)!), nowMs: () => nowMs, random: () => random });
});

/** A frame of the node network whose last byte is its name. */
const frame = (name: number, { from = 1, to = 2 } = {}) =>
  ethernetFrame({
    from,
    to,
    packet: ipv4({ protocol: 17, payload: udp({ port: 7, payload: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, name) }) }),
  });
const fault = (effect: DetourFault["effect"], rest: Partial<DetourFault> = {}): DetourFault => ({
  id: 1,
  links: ["1>2"],
  on: ["pod", "node"],
  effect,
  ...rest,
});

function advance(ms: number): void {
  nowMs += ms;
  queue.release();
}

test("a delayed frame goes on after its delay and not before, in the order of arrival", () => {
  queue.setFaults([fault({ kind: "delay", delayMs: 20 })]);
  queue.take(frame(1));
  advance(5);
  queue.take(frame(2));
  advance(14);
  expect(out).toEqual([]);
  expect(queue.nextDueMs).toBe(20);
  advance(1);
  expect(out).toEqual([1]);
  advance(5);
  expect(out).toEqual([1, 2]);
  expect(queue.nextDueMs).toBeUndefined();
});

test("a frame of another link or another network passes at once and is not counted", () => {
  queue.setFaults([fault({ kind: "delay", delayMs: 20 }, { on: ["pod"] })]);
  queue.take(frame(1));
  queue.take(frame(2, { from: 2, to: 1 }));
  expect(out).toEqual([1, 2]);
  expect(queue.counters()).toEqual({ 1: { matched: 0, affected: 0 } });
  const inner = frame(3);
  queue.take(
    ethernetFrame({
      from: 1,
      to: 2,
      packet: ipv4({ protocol: 17, payload: udp({ port: 8472, payload: vxlan(inner) }) }),
    }),
  );
  expect(queue.counters()).toEqual({ 1: { matched: 1, affected: 1 } });
});

test("delays of two faults on one link add up", () => {
  queue.setFaults([fault({ kind: "delay", delayMs: 20 }), fault({ kind: "delay", delayMs: 5 }, { id: 2 })]);
  queue.take(frame(1));
  advance(24);
  expect(out).toEqual([]);
  advance(1);
  expect(out).toEqual([1]);
});

test("a reordered frame is overtaken by three frames of its link, and by no other link's", () => {
  queue.setFaults([fault({ kind: "reorder", ratio: 0.5 })]);
  queue.take(frame(1));
  random = 0.9;
  queue.take(frame(8, { from: 2, to: 1 }));
  for (const name of [2, 3, 4, 5]) queue.take(frame(name));
  expect(out).toEqual([8, 2, 3, 4, 1, 5]);
});

test("a reordered frame that nothing overtakes goes on after 100 ms", () => {
  queue.setFaults([fault({ kind: "reorder", ratio: 0.5 })]);
  queue.take(frame(1));
  advance(99);
  expect(out).toEqual([]);
  advance(1);
  expect(out).toEqual([1]);
});

test("a doubled frame goes on twice, and chance decides which", () => {
  queue.setFaults([fault({ kind: "duplicate", ratio: 0.5 })]);
  queue.take(frame(1));
  random = 0.5;
  queue.take(frame(2));
  expect(out).toEqual([1, 1, 2]);
  expect(queue.counters()).toEqual({ 1: { matched: 2, affected: 1 } });
});

test("a frame that could not be damaged is not counted as damaged", () => {
  queue.setFaults([fault({ kind: "corrupt", ratio: 1, isSilent: true })]);
  queue.take(
    ethernetFrame({
      from: 1,
      to: 2,
      packet: ipv4({ protocol: 17, payload: udp({ port: 7, payload: new Uint8Array(64) }) }),
    }),
  );
  expect(queue.counters()).toEqual({ 1: { matched: 1, affected: 0 } });
  queue.take(frame(9));
  expect(queue.counters()).toEqual({ 1: { matched: 2, affected: 1 } });
});

test("a fault that stays keeps its counters when others come and go", () => {
  queue.setFaults([fault({ kind: "delay", delayMs: 1 })]);
  queue.take(frame(1));
  queue.setFaults([fault({ kind: "delay", delayMs: 1 }), fault({ kind: "delay", delayMs: 1 }, { id: 2 })]);
  expect(queue.counters()).toEqual({ 1: { matched: 1, affected: 1 }, 2: { matched: 0, affected: 0 } });
  queue.setFaults([fault({ kind: "delay", delayMs: 1 }, { id: 2 })]);
  expect(queue.counters()).toEqual({ 2: { matched: 0, affected: 0 } });
});

test("a flush lets everything go at once, in the order of its time", () => {
  queue.setFaults([
    fault({ kind: "delay", delayMs: 50 }),
    fault({ kind: "reorder", ratio: 1 }, { id: 2, links: ["2>1"] }),
  ]);
  queue.take(frame(1, { from: 2, to: 1 }));
  queue.take(frame(2));
  queue.flush();
  expect(out).toEqual([2, 1]);
  expect(queue.nextDueMs).toBeUndefined();
});

test("a flood is lost at the end of the queue instead of filling the memory", () => {
  queue.setFaults([fault({ kind: "delay", delayMs: 50 })]);
  for (let i = 0; i < 10_050; i++) queue.take(frame(1));
  advance(50);
  expect(out).toHaveLength(10_000);
});
