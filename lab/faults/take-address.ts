import { run } from "../machine.ts";
import { podSubnet, podSubnet6, type LabNode } from "../plan.ts";
import type { FaultSpec } from "./fault.ts";

/** As a node that was restored from a copy, or two CNIs that give out the same range: whoever asks for B reaches A. */
export const takeAddress: FaultSpec<"take-address"> = {
  syntax: "take-address A->B",
  summary: "give A's pod the pod address of B too, and lead all others there",
  example: "take-address node-2->node-3",
  affected: "",
  async inject({ links }, { nodes }) {
    const steps = links.flatMap(({ from, to }) => stepsOf(from, to, nodes));
    for (const { namespace, add } of steps) await ip(namespace, add);
    return {
      counters: () => Promise.resolve(undefined),
      async end() {
        for (const { namespace, remove } of steps.toReversed()) await ip(namespace, remove);
        return undefined;
      },
    };
  },
};

interface Step {
  readonly namespace: string;
  readonly add: string;
  readonly remove: string;
}

const ip = (namespace: string, words: string): Promise<string> => run("ip", ["-n", namespace, ...words.split(" ")]);

function stepsOf(taker: LabNode, owner: LabNode, nodes: readonly LabNode[]): Step[] {
  const others = nodes.filter((node) => node !== taker && node !== owner);
  return owner.podAddresses.flatMap((address, i) => {
    const [bits, family, via] =
      i === 0 ? [32, "-4", `${podSubnet(taker.number)}.0`] : [128, "-6", `${podSubnet6(taker.number)}::`];
    const own = `${address}/${bits}`;
    const route = (namespace: string, way: string): Step => ({
      namespace,
      add: `${family} route replace ${own} ${way}`,
      remove: `${family} route del ${own}`,
    });
    return [
      {
        namespace: taker.podNamespace,
        add: `${family} address add ${own} dev eth0${i === 0 ? "" : " nodad"}`,
        remove: `${family} address del ${own} dev eth0`,
      },
      route(taker.nodeNamespace, "dev cni0"),
      ...others.map((other) => route(other.nodeNamespace, `via ${via} dev vxlan0 onlink`)),
    ];
  });
}
