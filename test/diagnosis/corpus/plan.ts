// What the corpus records: faults of the lab alone and two at once, in meshes of three sizes, with the right answers. An
// answer is what the catalogue says of such a fault, not what the judge happened to say.
import type { CauseKind, FindingCode } from "../../../agent/model/finding.ts";
import type { Truth } from "./recording.ts";

export const SIZES = [3, 6, 9] as const;
export type Size = (typeof SIZES)[number];
export const ZONES = 3;
/** Its view is what is recorded, so nothing breaks it. */
export const JUDGE = "node-1";

export interface Scene {
  readonly name: string;
  readonly faults: readonly string[];
  readonly truths: readonly Truth[];
  /** For how long it is broken. */
  readonly seconds: number;
}

const truth = (code: FindingCode, subject: string, cause: CauseKind): Truth => ({ code, subject, cause });
const both = (a: Part, b: Part): Part => ({
  faults: [...a.faults, ...b.faults],
  truths: [...a.truths, ...b.truths],
  seconds: Math.max(a.seconds, b.seconds),
});

type Part = Omit<Scene, "name">;
type Make = (victim: string, other: string) => Part;
const one = (fault: string, answer: Truth, seconds: number): Part => ({ faults: [fault], truths: [answer], seconds });

/** With three nodes and little loss one pair of the victim may be all that can be told. */
const orBetween = (answer: Truth, victim: string): Truth => ({
  ...answer,
  or: ["node-1", "node-2", "node-3"]
    .filter((name) => name !== victim)
    .map((name) => ({ code: "IN-BETWEEN" as const, subject: [name, victim].sort().join() })),
});

const killed: Make = (v) => one(`kill ${v}`, truth("IN-NODE-DOWN", v, "node-dead"), 60);
const losesHalf: Make = (v) => one(`loss ${v}->all 50%`, orBetween(truth("IN-NODE-LOSS", v, "node-link"), v), 60);
const losesTen: Make = (v) => one(`loss ${v}<->all 10%`, orBetween(truth("IN-NODE-LOSS", v, "node-link"), v), 80);
const losesFive: Make = (v) => one(`loss ${v}->all 5%`, orBetween(truth("IN-NODE-LOSS", v, "node-link"), v), 120);
const pairOf = (v: string, o: string): string => [v, o].sort().join();
const pairCut: Make = (v, o) => one(`drop ${v}<->${o}`, truth("IN-PAIR-CUT", pairOf(v, o), "pair-path"), 60);
const pairLoses: Make = (v, o) =>
  one(
    `loss ${v}->${o} 20%`,
    { ...truth("IN-PAIR-LOSS", pairOf(v, o), "pair-path"), or: [{ code: "IN-BETWEEN", subject: pairOf(v, o) }] },
    90,
  );
const podNetwork: Make = (v) => one(`drop ${v}<->all on pod`, truth("IN-POD-NETWORK", v, "cni"), 60);
const podNetworkLoses: Make = (v) => one(`loss ${v}<->all 30% on pod`, truth("IN-POD-NETWORK", v, "cni"), 60);
const noUdp: Make = () => one("filter all udp", truth("IN-DROPPED", "mesh", "policy-drop"), 60);
const rejects: Make = (v, o) => one(`reject ${v}->${o} tcp`, truth("IN-REJECTED", pairOf(v, o), "policy-reject"), 80);
const frozen: Make = (v) => one(`freeze ${v}`, truth("IN-AGENT-DOWN", v, "agent-frozen"), 120);
const masqueraded: Make = (v) => one(`masquerade ${v}`, truth("IN-MASQUERADE", v, "masquerade-rule"), 100);
const misdirected: Make = (v, o) => one(`misdirect ${v}->${o}`, truth("IN-PAIR-CUT", pairOf(v, o), "stale-entry"), 60);
const flaps: Make = (v) => one(`drop ${v}<->all for 3s every 20s`, truth("IN-NODE-LOSS", v, "flap"), 140);
const shortMtu: Make = (v) => one(`mtu ${v} 1300`, truth("IN-PATH-MTU", v, "tunnel-mtu"), 150);
const noService: Make = (v) => one(`service-path ${v}`, truth("IN-SERVICE-PATH", v, "service-proxy"), 80);
const zonesLose = (a: string, b: string): Part =>
  one(`loss ${a}<->${b} 20%`, truth("IN-ZONE-PAIR-LOSS", `zone:${a},${b}`, "zone-interconnect"), 60);
const groupLoses = (members: readonly string[], size: Size, percent: number): Part => ({
  faults: members.flatMap((member) => outside(members, size).map((other) => `loss ${member}<->${other} ${percent}%`)),
  truths: [truth("IN-GROUP-LOSS", [...members].sort().join(), "shared-uplink")],
  seconds: 70,
});
const outside = (members: readonly string[], size: Size): string[] =>
  Array.from({ length: size }, (_, i) => `node-${i + 1}`).filter((name) => !members.includes(name));
const CALM: Part = { faults: [], truths: [], seconds: 60 };

/** Recorded in this order. */
export function scenesOf(size: Size): readonly Scene[] {
  const scenes = SCENES[size];
  return Object.entries(scenes).map(([name, part]) => ({ name, ...part }));
}

const [B, C, D, E, F, G, H, I] = [2, 3, 4, 5, 6, 7, 8, 9].map((n) => `node-${n}`) as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];

const SCENES: Readonly<Record<Size, Readonly<Record<string, Part>>>> = {
  3: {
    calm: CALM,
    killed: killed(C, B),
    "loses-half": losesHalf(C, B),
    "pair-cut": pairCut(B, C),
    masqueraded: masqueraded(B, C),
    "pod-network-loses": podNetworkLoses(C, B),
    rejects: rejects(B, C),
    frozen: frozen(B, C),
    "no-service": noService(C, B),
    "loses-ten": losesTen(B, C),
    "no-udp": noUdp(B, C),
    "pair-loses": pairLoses(B, C),
    "killed-again": killed(B, C),
    "short-mtu": shortMtu(B, C),
  },
  6: {
    calm: CALM,
    killed: killed(F, B),
    "loses-half": losesHalf(E, B),
    "pair-cut": pairCut(C, F),
    "pod-network": podNetwork(D, B),
    rejects: rejects(B, E),
    "group-loses": groupLoses([C, E], 6, 10),
    "loses-five": losesFive(B, C),
    misdirected: misdirected(D, E),
    "node-and-pair": both(losesTen(B, C), pairCut(D, F)),
    "two-killed": both(killed(C, B), killed(E, B)),
    flaps: flaps(D, B),
    "no-service": noService(E, B),
    frozen: frozen(F, B),
    "short-mtu": shortMtu(C, B),
    "zones-lose": zonesLose("zone-a", "zone-c"),
    "loses-ten": losesTen(F, B),
    "pair-loses": pairLoses(B, D),
    "killed-and-pair": both(killed(F, B), pairLoses(B, D)),
    "pod-network-and-node": both(podNetworkLoses(C, B), losesTen(F, B)),
    masqueraded: masqueraded(E, B),
  },
  9: {
    calm: CALM,
    killed: killed(H, B),
    "loses-half": losesHalf(F, B),
    "pair-cut": pairCut(B, G),
    "pod-network": podNetwork(D, B),
    "group-loses": groupLoses([C, F, I], 9, 10),
    "zones-lose": zonesLose("zone-b", "zone-c"),
    "loses-five": losesFive(E, B),
    "no-udp": noUdp(B, C),
    "two-killed": both(killed(C, B), killed(G, B)),
    "node-and-group": both(losesHalf(E, B), groupLoses([C, I], 9, 10)),
    misdirected: misdirected(F, B),
    flaps: flaps(I, B),
    masqueraded: masqueraded(G, B),
    "killed-and-pair": both(killed(I, B), pairLoses(D, H)),
    "pod-network-and-node": both(podNetworkLoses(G, B), losesTen(C, B)),
    "zones-lose-again": zonesLose("zone-a", "zone-b"),
    "group-loses-again": groupLoses([B, E, H], 9, 5),
    rejects: rejects(D, I),
    "loses-ten": losesTen(G, B),
    frozen: frozen(D, B),
  },
};
