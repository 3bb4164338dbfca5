// Who may be counted: the nodes of the mesh by the hash of their names, and the addresses they send from.
import type { Addresses, Node } from "../model/peer.ts";
import { nodeHashHex } from "../wire/stamp.ts";

interface KnownSource {
  readonly node: Node;
  readonly podAddresses: Addresses;
  readonly nodeAddresses: Addresses;
}

export class KnownSources {
  /** Hashes are kept: a mesh of a thousand names changes by one. */
  readonly #hashes = new Map<string, string>();
  #nodes: ReadonlyMap<string, Node> = new Map();
  #addresses: ReadonlySet<string> = new Set();

  update(known: readonly KnownSource[]): void {
    this.#nodes = new Map(known.map(({ node }) => [this.#hashOf(node.name), node]));
    this.#addresses = new Set(
      known.flatMap(({ podAddresses, nodeAddresses }) => [
        ...Object.values(podAddresses),
        ...Object.values(nodeAddresses),
      ]),
    );
    for (const [name, hash] of this.#hashes) if (!this.#nodes.has(hash)) this.#hashes.delete(name);
  }

  nodeOf(hash: string): Node | undefined {
    return this.#nodes.get(hash);
  }

  knows(ip: string): boolean {
    return this.#addresses.has(ip);
  }

  #hashOf(name: string): string {
    let hash = this.#hashes.get(name);
    if (hash === undefined) this.#hashes.set(name, (hash = nodeHashHex(name)));
    return hash;
  }
}
