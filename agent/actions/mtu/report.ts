// What was found of the largest packet on a path, as the agent tells it and the command line shows it. Sizes are bytes of
// IP packet; only the way there is tried, since every reply is small.
import type { IpFamily, Network } from "../../model/peer.ts";

/** How one size fared. `told`: somebody on the way said what fits. */
export interface Step {
  readonly bytes: number;
  readonly came: "passes" | "vanishes" | "told" | "unclear";
}

/** Who said that a packet is too big, and what would fit. */
export interface Told {
  readonly by: string;
  readonly node?: string;
  readonly mtu: number;
}

export interface HopAt {
  readonly hop: number;
  readonly address: string;
  readonly node?: string;
}

/** Where large packets vanish: `reached` answers large ones, `missed` is behind it and answers only small ones. */
export interface VanishingPoint {
  readonly reached?: HopAt;
  readonly missed?: HopAt;
}

export interface MtuReport {
  readonly from: string;
  readonly to: string;
  readonly network: Network;
  readonly family: IpFamily;
  readonly address: string;
  /** What the kernel believes (IP_MTU), before anything was sent; undefined where it knows no way there. */
  readonly believedBytes?: number;
  /** Largest that passes; undefined where that could not be found. */
  readonly passesBytes?: number;
  /** In the order in which they were tried. */
  readonly steps: readonly Step[];
  readonly told: readonly Told[];
  readonly vanishes?: VanishingPoint;
  /** Small packets are not answered either. */
  readonly isSilent: boolean;
}
