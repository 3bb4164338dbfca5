// What a CNI lays on a node for each other one, taken away or turned wrong: the pod network of a pair fails, the node
// network between the two does not notice.
import { LabError, run } from "../machine.ts";
import { podSubnet, podSubnet6, vtepMac, type LabNode } from "../plan.ts";
import type { FaultOf, FaultSpec, InForce, Link } from "./fault.ts";

/** An address of the underlay that no node has: the table of addresses ends before it. */
const NOBODY = "10.10.0.254";

export const unroute: FaultSpec<"unroute"> = {
  syntax: "unroute WHERE",
  summary: "delete a node's route to another's pods",
  example: "unroute node-1->node-2",
  affected: "",
  inject: (fault) =>
    onNodes(fault, {
      begin: ({ to }) => routes(to).map(({ family, subnet }) => `${family} route del ${subnet}`),
      end: ({ to }) =>
        routes(to).map(({ family, subnet, via }) => `${family} route replace ${subnet} via ${via} dev vxlan0 onlink`),
    }),
};

export const misdirect: FaultSpec<"misdirect"> = {
  syntax: "misdirect WHERE",
  summary: "send a node's tunnel packets for another to an address that nobody has any more",
  example: "misdirect node-1->node-2",
  affected: "",
  inject: (fault) => {
    const pointTo = (address: (to: LabNode) => string) => (link: Link) => [
      `bridge fdb replace ${vtepMac(link.to.number)} dev vxlan0 dst ${address(link.to)} self permanent`,
    ];
    return onNodes(fault, { begin: pointTo(() => NOBODY), end: pointTo((to) => to.nodeAddresses[0]!) });
  },
};

export const extraHop: FaultSpec<"extra-hop"> = {
  syntax: "extra-hop WHERE",
  summary: "lead a node's packets for another's pods through a third node: one hop more",
  example: "extra-hop node-1->node-2",
  affected: "",
  inject(fault, { nodes }) {
    if (nodes.length < 3) throw new LabError(`'${fault.text}': there is no third node to lead packets through`);
    const between = ({ from, to }: Link): LabNode => nodes.find((node) => node !== from && node !== to)!;
    const lead = (via: (link: Link) => LabNode) => (link: Link) =>
      routes(link.to).map(
        ({ family, subnet }, i) => `${family} route replace ${subnet} via ${gateways(via(link))[i]} dev vxlan0 onlink`,
      );
    return onNodes(fault, { begin: lead(between), end: lead(({ to }) => to) });
  },
};

interface Commands {
  readonly begin: (link: Link) => readonly string[];
  readonly end: (link: Link) => readonly string[];
}

async function onNodes(
  { links }: FaultOf<"unroute" | "misdirect" | "extra-hop">,
  { begin, end }: Commands,
): Promise<InForce> {
  const all = async (commands: Commands["begin"]): Promise<void> => {
    for (const link of links)
      for (const line of commands(link)) {
        const [program, ...args] = line.trim().split(/\s+/);
        const inside = ["-n", link.from.nodeNamespace];
        await (program === "bridge" ? run("bridge", [...inside, ...args]) : run("ip", [...inside, program!, ...args]));
      }
  };
  await all(begin);
  return {
    counters: () => Promise.resolve(undefined),
    async end() {
      await all(end);
      return undefined;
    },
  };
}

/** A node's end of the tunnels, of each family. */
const gateways = ({ number }: LabNode) => [`${podSubnet(number)}.0`, `${podSubnet6(number)}::`] as const;

function routes({ number, podAddresses }: LabNode) {
  return [
    { family: "-4", subnet: `${podSubnet(number)}.0/24`, via: `${podSubnet(number)}.0` },
    { family: "-6", subnet: `${podSubnet6(number)}::/64`, via: `${podSubnet6(number)}::` },
  ].slice(0, podAddresses.length);
}
