// What every pod network shares, as tests: a node's links, queues and tables break, and `internode doctor` names them.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { judgeOrder } from "../../../agent/judge/order.ts";
import { FullTable } from "../../../lab/faults/conntrack-full.ts";
import { shortQueue } from "../../../lab/faults/link.ts";
import { inNamespace } from "../../../lab/machine.ts";
import type { CniMesh } from "./mesh.ts";
import { causedBy, whileBroken } from "./named-cause.ts";

/** How long a session is held without a word of the other side, and a while to connect anew. */
export const BGP_LIMIT_MS = 240_000;
/** A kubelet with the usual liveness probe would have ended what does not answer. */
const LONGER_THAN_PATIENCE_MS = 100_000;
/** Enough for the host view of a node to be read between two bursts. */
const NARROW_BITS_PER_SECOND = 1_000_000;
/** Each is more than the queue holds, and what is sent within 12 ms of it is dropped. */
const BURSTS = "ping -q -i 0.05 -s 20000 10.100.0.1";
/** For experiments (RFC 5342): no kernel does anything with it. */
const NOBODYS_ETHERTYPE = "0x88b5";
const MARKED_PERCENT = 20;
/** By who judges first. What is broken must not be the judge. */
export async function ranked({ release, target }: CniMesh): Promise<readonly string[]> {
  const agents = await release.agents();
  const nodes = agents.map(({ node: name }) => ({ name, zone: target.own.node(name).zone }));
  return judgeOrder(nodes, undefined).map(({ name }) => name);
}

/** `open`: the mesh, once a suite has it. */
export function namesKernelCauses(open: () => CniMesh): void {
  // As after the link was laid anew: what others send in full size does not arrive.
  test("doctor names the link whose MTU is smaller than its peers'", async () => {
    const mesh = open();
    const small = { broken: "ip link set eth0 mtu 1400", healed: "ip link set eth0 mtu 1500" };
    await whileBroken(mesh, small, async () => {
      const { code, next } = await causedBy(
        mesh,
        /^eth0 of node-1 has MTU 1400 \(every other node(?: that answered)?: 1500\)/,
      );
      expect([code, next]).toEqual(["IN-PATH-MTU", "internode interfaces node-1"]);
    });
  });

  // As where a shaper or a cloud's limit of bandwidth drops what its queue has no room for: bursts of one program, and
  // what others send beside them.
  test("doctor names the queue that is full", async () => {
    const mesh = open();
    const node = (await ranked(mesh)).at(-1)!;
    const broken = `tc qdisc add dev eth0 ${shortQueue(NARROW_BITS_PER_SECOND)}
      ${BURSTS} > /dev/null 2>&1 &
      echo $! > /run/bursts`;
    const healed = `kill "$(cat /run/bursts)"
      tc qdisc del dev eth0 root`;
    await whileBroken(mesh, { node, broken, healed }, async () => {
      const { next, causes } = await causedBy(
        mesh,
        new RegExp(
          `^eth0 of ${node} dropped \\d+ of \\d+ packets that were to be sent in \\d+ s, because its queue was full \\(tc -s qdisc show dev eth0\\)`,
        ),
        { node },
      );
      expect([next, causes[0]!.kind]).toEqual([`internode counters ${node}`, "queue"]);
    });
  });

  // As behind a switch that tags a part of the frames: the kernel has nobody for them, and counts them as dropped.
  test("doctor names the interface that drops what it receives", async () => {
    const mesh = open();
    const node = (await ranked(mesh)).at(-1)!;
    const fabric = `${mesh.target.own.plan.prefix}fabric`;
    const marking = `table bridge marking {
      chain out {
        type filter hook postrouting priority 0
        oifname "${node}" ether type ip numgen random mod 100 < ${MARKED_PERCENT} ether type set ${NOBODYS_ETHERTYPE}
      }
    }`;
    await inNamespace(fabric, "nft", ["-f", "-"], { input: marking });
    try {
      const { next, causes } = await causedBy(
        mesh,
        new RegExp(`^eth0 of ${node} dropped \\d+ of \\d+ packets that were received in \\d+ s`),
        { node },
      );
      expect([next, causes[0]!.kind]).toEqual([`internode counters ${node}`, "node-link"]);
    } finally {
      await inNamespace(fabric, "nft", ["delete", "table", "bridge", "marking"]);
    }
    await mesh.allHealthy();
  });

  // Of a node that does not judge. Its kubelet gets no answer from its own pods meanwhile.
  test("doctor names the connection tracking that is full, and goes on naming it", async () => {
    const mesh = open();
    const node = (await ranked(mesh)).at(-1)!;
    const wanted = new RegExp(
      `^connection tracking of ${node} is full: \\d+ of \\d+ entries \\(net\\.netfilter\\.nf_conntrack_max\\)`,
    );
    const table = new FullTable(mesh.target.own.node(node).machine.name);
    await table.fill();
    const filled = performance.now();
    try {
      const { next, causes } = await causedBy(mesh, wanted);
      expect(next).toBe(`internode counters ${node}`);
      expect(causes[0]!.kind).toBe("conntrack-full");
      await sleep(Math.max(0, LONGER_THAN_PATIENCE_MS - (performance.now() - filled)));
      await causedBy(mesh, wanted);
      const ready =
        "{range .items[*]}{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}\n{end}";
      const pods = ["get", "pods", `--field-selector=spec.nodeName=${node}`, `--output=jsonpath=${ready}`];
      expect((await mesh.release.kubectl(pods)).trim().split("\n")).toEqual(["0 false", "0 false"]);
    } finally {
      await table.empty();
    }
    await mesh.allHealthy();
  });
}
