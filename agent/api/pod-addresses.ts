// Who may ask as an agent of the mesh: the pod addresses that discovery lists. A node's address is not enough, since
// any process on the node calls from it.
import { parseIp } from "../base/ip.ts";
import type { Addresses } from "../model/peer.ts";

export class PodAddresses {
  #addresses: ReadonlySet<string | undefined> = new Set();

  update(members: readonly { readonly podAddresses: Addresses }[]): void {
    this.#addresses = new Set(
      members.flatMap(({ podAddresses }) => Object.values(podAddresses).map((address) => parseIp(address)?.text)),
    );
  }

  /** `address` in its canonical spelling. */
  has(address: string): boolean {
    return this.#addresses.has(address);
  }
}
