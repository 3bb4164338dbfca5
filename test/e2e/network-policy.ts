// A NetworkPolicy as a CNI would enforce it: no CNI to be had here does, so the object from the API server is laid as
// nftables rules on each node, and its pods are followed. What comes from the pod's own node passes, as the Kubernetes
// documentation has it.
import { setTimeout as sleep } from "node:timers/promises";
import {
  CHAINS,
  policyRuleset,
  TABLE,
  type NetworkPolicy,
  type Rule,
  type Selector,
} from "../support/policy-ruleset.ts";
import type { Release } from "./release.ts";
import type { Target } from "./target.ts";

export interface LaidPolicy extends AsyncDisposable {
  /** Packets that the rules have dropped so far, on all nodes. */
  dropped(): Promise<number>;
}

const FOLLOW_EVERY_MS = 1_000;

/** `change`: another policy than the release's, for comparison. */
export async function layNetworkPolicy(
  target: Target,
  release: Release,
  change: (rule: Rule, i: number) => Rule = (rule) => rule,
): Promise<LaidPolicy> {
  const { spec } = await target.get<NetworkPolicy>(["networkpolicy", release.name, "--namespace", release.namespace]);
  const { selectors, script } = policyRuleset({ ...spec, ingress: spec.ingress.map((rule, i) => change(rule, i)) });
  const everywhere = (argv: readonly string[], input = ""): Promise<string[]> =>
    Promise.all(target.own.nodes.map((node) => node.run(["nft", ...argv], { input })));

  const follow = async (): Promise<void> => {
    const changes = await Promise.all(
      selectors.map(async (selector, i) => {
        const found = await addressesOf(selector);
        return [
          `flush set ${TABLE} pods${i}`,
          ...(found.length === 0 ? [] : [`add element ${TABLE} pods${i} { ${found.join(", ")} }`]),
        ];
      }),
    );
    await everywhere(["-f", "-"], `${changes.flat().join("\n")}\n`);
  };
  const addressesOf = async ({ matchLabels }: Selector): Promise<readonly string[]> => {
    const selector = Object.entries(matchLabels)
      .map(([key, value]) => `${key}=${value}`)
      .join();
    const { items } = await target.get<{ items: { status: { podIP?: string } }[] }>([
      "pods",
      "--namespace",
      release.namespace,
      "--selector",
      selector,
    ]);
    return [...new Set(items.flatMap(({ status }) => status.podIP ?? []))];
  };

  await everywhere(["-f", "-"], script);
  await follow();
  // What flowed before was never judged: forget it, or long-lived UDP and ICMP would pass as established.
  for (const node of target.own.nodes) await node.run(["conntrack", "--flush"]);
  const lifted = new AbortController();
  const following = (async () => {
    while (!lifted.signal.aborted) {
      await sleep(FOLLOW_EVERY_MS, undefined, { signal: lifted.signal }).catch(() => {});
      if (!lifted.signal.aborted) await follow();
    }
  })();
  following.catch(() => {}); // told when the policy is lifted

  return {
    async dropped() {
      const chains = await Promise.all(
        CHAINS.map((chain) => everywhere(["list", "chain", ...TABLE.split(" "), chain])),
      );
      const drops = chains.flat().flatMap((text) => /counter packets (\d+) bytes \d+ drop/.exec(text)?.[1] ?? []);
      return drops.reduce((sum, packets) => sum + Number(packets), 0);
    },
    async [Symbol.asyncDispose]() {
      lifted.abort();
      try {
        await following;
      } finally {
        await everywhere(["delete", "table", ...TABLE.split(" ")]);
      }
    },
  };
}
