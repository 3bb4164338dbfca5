// Whose packets may be counted: those that come from an address of the node that they name.
import { parseIp } from "../base/ip.ts";
import type { Addresses, Node } from "../model/peer.ts";
import { nodeHashHex } from "../wire/stamp.ts";

interface Sender {
  readonly node: Node;
  readonly podAddresses: Addresses;
  readonly nodeAddresses: Addresses;
}

export class SenderDirectory {
  /** Hashes are kept: a mesh of a thousand names changes by one. */
  readonly #hashes = new Map<string, string>();
  #nodes: ReadonlyMap<string, Node> = new Map();
  /** Address and hash. */
  #addresses: ReadonlySet<string> = new Set();

  update(members: readonly Sender[]): void {
    const nodes = new Map<string, Node>();
    const addresses = new Set<string>();
    for (const { node, podAddresses, nodeAddresses } of members) {
      const hash = this.#hashOf(node.name);
      nodes.set(hash, node);
      for (const address of [...Object.values(podAddresses), ...Object.values(nodeAddresses)])
        addresses.add(keyOf(parseIp(address)?.text ?? address, hash));
    }
    this.#nodes = nodes;
    this.#addresses = addresses;
    for (const [name, hash] of this.#hashes) if (!nodes.has(hash)) this.#hashes.delete(name);
  }

  nodeOf(hash: string): Node | undefined {
    return this.#nodes.get(hash);
  }

  /** Is this address, in its canonical spelling, one of the node whose name has this hash? */
  isFrom(hash: string, ip: string): boolean {
    return this.#addresses.has(keyOf(ip, hash));
  }

  #hashOf(name: string): string {
    let hash = this.#hashes.get(name);
    if (hash === undefined) this.#hashes.set(name, (hash = nodeHashHex(name)));
    return hash;
  }
}

const keyOf = (ip: string, hash: string): string => `${ip}/${hash}`;
