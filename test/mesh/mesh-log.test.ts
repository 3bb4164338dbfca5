import { expect, test } from "vitest";
import { Chores } from "../../agent/base/chores.ts";
import { logMesh } from "../../agent/mesh/mesh-log.ts";
import type { MeshListener } from "../../agent/mesh/mesh.ts";
import type { Member } from "../../agent/mesh/membership.ts";
import { FakeClock } from "../support/fake-clock.ts";

test("what happens to the mesh reaches the log, and a peer that is not probed does once that has lasted", () => {
  const clock = new FakeClock();
  const chores = new Chores(clock);
  const lines: string[] = [];
  const listeners = new Set<MeshListener>();
  const members: Member[] = [];
  const log = logMesh({
    clock,
    chores,
    mesh: {
      members: () => members,
      unusable: () => [],
      self: () => ({ name: "node-1", zone: "a" }),
      extent: () => ({ nodes: 2, probed: 1, isFullMesh: true, largestInDegree: 1 }),
      listen(listener) {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
    },
    log: {
      info: (...said: unknown[]) => void lines.push(`info ${said.at(-1) as string}`),
      warn: (...said: unknown[]) => void lines.push(`warn ${said.at(-1) as string}`),
    },
  });
  for (const listener of listeners) {
    listener.changed?.();
    listener.failed?.(new Error("connect ECONNREFUSED"));
  }
  expect(lines).toEqual(["info the mesh changed", "warn discovery failed; the last known peers stay"]);
  members.push({
    node: { name: "node-2", zone: "a" },
    endpointId: "node-2",
    state: "unprobed",
    serving: true,
    podAddresses: {},
    nodeAddresses: {},
    askedAt: {},
    nodeAddressesAreLearnt: false,
    unprobed: [{ reason: "address", text: "it has no address" }],
  });
  for (let seconds = 0; seconds < 40; seconds += 5) {
    clock.advanceMs(5_000);
    chores.tick();
  }
  expect(lines.slice(2)).toEqual([expect.stringMatching(/^warn node-2 is not probed: it has no address/)]);
  log[Symbol.dispose]();
  expect(listeners.size).toBe(0);
});
