import { expect, test } from "vitest";
import {
  destinationOf,
  exchangeWords,
  flipBit,
  networkOf,
  payloadOffset,
  sourceOf,
} from "../../../lab/faults/frame.ts";
import { ethernetFrame, ipv4, udp, vxlan } from "./frames.ts";

const PAYLOAD = Uint8Array.from({ length: 64 }, (_, i) => i);
const onNode = () =>
  ethernetFrame({ from: 1, to: 2, packet: ipv4({ protocol: 17, payload: udp({ port: 7843, payload: PAYLOAD }) }) });
const onPod = () =>
  ethernetFrame({
    from: 3,
    to: 4,
    packet: ipv4({ protocol: 17, payload: udp({ port: 8472, payload: vxlan(onNode()) }) }),
  });

/** RFC 1071: what any checksum of the internet would be made of. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

test("a frame tells its ends and its network", () => {
  expect([sourceOf(onNode()), destinationOf(onNode()), networkOf(onNode())]).toEqual([1, 2, "node"]);
  expect([sourceOf(onPod()), destinationOf(onPod()), networkOf(onPod())]).toEqual([3, 4, "pod"]);
});

test("the payload begins behind the innermost header", () => {
  expect(onNode().subarray(payloadOffset(onNode()))).toEqual(PAYLOAD);
  expect(onPod().subarray(payloadOffset(onPod()))).toEqual(PAYLOAD);
});

test.each([0, 0.3, 0.7, 0.999_999])("a flipped bit is exactly one, and in the payload (random %f)", (random) => {
  const [before, after] = [onPod(), onPod()];
  expect(flipBit(after, () => random)).toBe(true);
  const changed = [...after.keys()].filter((i) => after[i] !== before[i]);
  expect(changed).toHaveLength(1);
  expect(changed[0]).toBeGreaterThanOrEqual(payloadOffset(before));
  const difference = after[changed[0]!]! ^ before[changed[0]!]!;
  expect(difference & (difference - 1)).toBe(0);
});

test.each([0, 0.3, 0.7, 0.999_999])("exchanged words change the payload and not one checksum (random %f)", (random) => {
  const [before, after] = [onPod(), onPod()];
  expect(exchangeWords(after, () => random)).toBe(true);
  expect(after).not.toEqual(before);
  expect(after.subarray(0, payloadOffset(before))).toEqual(before.subarray(0, payloadOffset(before)));
  expect(sum(after)).toBe(sum(before));
});

test("a payload of one value, or none at all, cannot be damaged silently, and says so", () => {
  const frame = onPod();
  frame.fill(7, payloadOffset(frame));
  expect(exchangeWords(frame, Math.random)).toBe(false);
  const empty = frame.slice(0, payloadOffset(frame));
  expect(exchangeWords(empty, Math.random)).toBe(false);
  expect(flipBit(empty, Math.random)).toBe(false);
});

test.each([0, 1, 13, 14, 33, 60])("a frame cut to %i bytes is looked at without a fault", (length) => {
  const cut = onPod().slice(0, length);
  expect(["pod", "node"]).toContain(networkOf(cut));
  expect(flipBit(cut, Math.random)).toBe(false);
});
