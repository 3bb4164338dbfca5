import { LabError, run } from "../machine.ts";
import { UNDERLAY_MTU } from "../plan.ts";
import type { FaultContext, FaultOf, FaultSpec, InForce } from "./fault.ts";
import { chance } from "./loss.ts";
import { layTables } from "./nft-tables.ts";
import { chain, lossTable } from "./packet-rules.ts";

/**
 * Nodes that have something in common of which nobody tells: a switch of their own behind the switch. Among themselves
 * they lose nothing. Packets that another fault holds go around its cable.
 */
export const rack: FaultSpec<"rack"> = {
  syntax: "rack NODES PERCENT",
  summary: "put nodes behind a switch of their own, whose cable to all others loses packets both ways",
  example: "rack node-2,node-4,node-5 5%",
  affected: "dropped",
  async inject(fault, context) {
    if (fault.nodes.length === context.nodes.length)
      throw new LabError(`'${fault.text}': every node is in it, and nobody behind its cable`);
    const { lay, remove } = switches(fault, context);
    await lay();
    try {
      const rules = await lossyCable(fault, context);
      return {
        counters: () => rules.counters(),
        async end() {
          const last = await rules.end();
          await remove();
          return last;
        },
      };
    } catch (err) {
      await remove();
      throw err;
    }
  },
};

/** The cable's end in the switch of all, where the rack's packets come out, and the one in the rack's own. */
const endsOf = (id: number) => ({ up: `uplink-${id}`, down: `downlink-${id}` });

function switches({ nodes }: FaultOf<"rack">, { id, fabricNamespace }: FaultContext) {
  const own = `rack-${id}`;
  const { up, down } = endsOf(id);
  const veth = `mtu ${UNDERLAY_MTU} gso_max_segs 1`;
  const batch = (lines: readonly string[]) =>
    run("ip", ["-n", fabricNamespace, "-batch", "-"], { input: `${lines.join("\n")}\n` });
  const plug = (into: string) => nodes.map(({ port }) => `link set ${port} master ${into}`);
  return {
    lay: () =>
      batch([
        `link add ${own} type bridge mcast_snooping 0 stp_state 0`,
        `link set ${own} up`,
        `link add ${up} ${veth} type veth peer name ${down} ${veth}`,
        `link set ${up} master switch up`,
        `link set ${down} master ${own} up`,
        ...plug(own),
      ]),
    remove: () => batch([...plug("switch"), `link delete ${up}`, `link delete ${own}`]),
  };
}

function lossyCable({ ratio }: FaultOf<"rack">, { id, fabricNamespace }: FaultContext): Promise<InForce> {
  const table = `fault_${id}`;
  const { up, down } = endsOf(id);
  const packets = "meta protocol { ip, ip6 }";
  const rules = [`${packets} counter name matched`, `${packets} ${chance(ratio)} jump lost`];
  const chains = [up, down].map((port) => chain({ port, priority: 0, rules }));
  return layTables("netdev", table, [{ namespace: fabricNamespace, ruleset: lossTable(table, chains) }]);
}
