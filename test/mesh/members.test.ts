import { describe, expect, test } from "vitest";
import { countMembers, unprobedPeers, whyNothingIsProbed } from "../../agent/mesh/members.ts";
import type { Member } from "../../agent/mesh/membership.ts";
import { UnprobedLog } from "../../agent/mesh/unprobed-log.ts";
import type { Unprobed } from "../../agent/model/unprobed.ts";
import { FakeClock } from "../support/fake-clock.ts";

const member = (name: string, state: Member["state"], ...unprobed: Unprobed[]): Member => ({
  node: { name, zone: "" },
  state,
  unprobed,
  serving: state !== "not_serving",
  endpointId: name,
  podAddresses: {},
  nodeAddresses: {},
  askedAt: {},
  nodeAddressesAreLearnt: true,
});

const SELF = member("node-1", "self");
const SAMPLE: Unprobed = { reason: "sample", text: "it is not in this node's sample of a large mesh" };
const WAITS: Unprobed = { reason: "terminating", text: "its pod is terminating" };
const SHARED: Unprobed = { reason: "shared_address", network: "pod", text: "its pod address is this agent's own" };
const UNKNOWN: Unprobed = { reason: "node_address", network: "node", text: "its node's address is not known" };

describe("counts", () => {
  test("each peer once in its state and once for each fault, and no wait among the faults", () => {
    const counts = countMembers({
      members: [
        SELF,
        member("node-2", "serving", UNKNOWN),
        member("node-3", "unprobed", SHARED, { ...SHARED, network: "node" }, UNKNOWN),
        member("node-4", "unprobed", WAITS),
        member("node-5", "unprobed", SAMPLE),
        member("node-6", "not_serving"),
      ],
      unusable: ["10.0.0.8 has no node name"],
      largestInDegree: 5,
    });
    expect(counts).toEqual({
      size: 6,
      serving: 1,
      notServing: 1,
      unprobed: 3,
      unprobedBy: { sample: 1, shared_address: 1, node_address: 2, endpoint: 1 },
      largestInDegree: 5,
    });
  });
});

test("a row tells of peers that wait and of faults, and not of those that a large mesh leaves to others", () => {
  expect(unprobedPeers([SELF, member("node-2", "serving", UNKNOWN), member("node-3", "unprobed", SAMPLE)])).toEqual([
    { destination: { name: "node-2", zone: "" }, ...UNKNOWN },
  ]);
});

describe("an agent that measures nothing", () => {
  test("says why, with some of its peers", () => {
    const lost = ["node-2", "node-3", "node-4", "node-5"].map((name) => member(name, "unprobed", SHARED, UNKNOWN));
    expect(whyNothingIsProbed([SELF, ...lost, member("node-6", "unprobed", SAMPLE)])).toMatch(
      /^none of the 4 peers .*node-2: its pod address is this agent's own; its node's address is not known; node-3.*and 1 more$/,
    );
  });

  test.each([
    ["knows no peer", [SELF]],
    ["probes one on a network", [SELF, member("node-2", "serving", UNKNOWN), member("node-3", "unprobed", SHARED)]],
    ["waits for one", [SELF, member("node-2", "unprobed", WAITS), member("node-3", "unprobed", SHARED)]],
    ["leaves all to others", [SELF, member("node-2", "unprobed", SAMPLE)]],
  ])("is well when it %s", (_, nodes) => {
    expect(whyNothingIsProbed(nodes)).toBeUndefined();
  });
});

describe("the log", () => {
  function watched() {
    const clock = new FakeClock();
    const lines: string[] = [];
    const say = (level: string) => (details: object, message: string) =>
      void lines.push(`${level} ${JSON.stringify(details)} ${message}`);
    const log = new UnprobedLog({ clock, log: { warn: say("warn"), info: say("info") } });
    return {
      lines,
      look(seconds: number, nodes: readonly Member[], unusable: readonly string[] = []) {
        for (let s = 0; s < seconds; s += 1) {
          clock.advanceMs(1_000);
          log.update(nodes, unusable);
        }
      },
    };
  }

  test("has a fault that lasts once, however long it lasts, and its end once", () => {
    const w = watched();
    const nodes = [SELF, member("node-2", "unprobed", SHARED)];
    w.look(20, nodes);
    expect(w.lines).toEqual([]);
    w.look(3_600, nodes);
    expect(w.lines).toEqual([
      'warn {"reason":"shared_address","network":"pod","count":1,"peers":["node-2"]} node-2 is not probed on the pod network: its pod address is this agent\'s own. /api/v1/peers has all of them',
    ]);
    w.look(60, [SELF, member("node-2", "serving")]);
    expect(w.lines.slice(1)).toEqual([expect.stringMatching(/^info .*over: node-2 is not probed on the pod network/)]);
  });

  test("has one line for all that are alike", () => {
    const w = watched();
    const nodes = Array.from({ length: 1_000 }, (_, i) => member(`node-${i + 2}`, "serving", UNKNOWN));
    w.look(60, nodes);
    expect(w.lines).toHaveLength(1);
    expect(w.lines[0]).toMatch(/"count":1000.*and 999 more like this/);
    expect(w.lines[0]!.length).toBeLessThan(600);
  });

  test("has nothing of what passes by itself", () => {
    const w = watched();
    w.look(60, [SELF, member("node-2", "unprobed", WAITS), member("node-3", "unprobed", SAMPLE)]);
    w.look(20, [member("node-4", "serving", UNKNOWN)]);
    w.look(60, [member("node-4", "serving")]);
    expect(w.lines).toEqual([]);
  });

  test("has endpoints that can be no peer", () => {
    const w = watched();
    w.look(60, [SELF], ["10.0.0.8 in EndpointSlice s has no node name"]);
    expect(w.lines).toEqual([expect.stringContaining("an endpoint is no peer: 10.0.0.8 in EndpointSlice s has no")]);
  });
});
