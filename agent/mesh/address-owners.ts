// Whose an address is. Pods come and go faster than lists: an address that was given to a new pod may still be listed
// for the old one, and an answer from it must not count for both.

/** A node that is said to have an address. */
export interface Claim {
  readonly nodeName: string;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Higher is newer. */
  readonly seen: number;
}

export interface Claimant {
  readonly claim: Claim;
  readonly addresses: Iterable<string>;
}

/** Who claims what: the claims by address, for addresses in one spelling. */
export function claimsByAddress(claimants: Iterable<Claimant>): ReadonlyMap<string, readonly Claim[]> {
  const claims = new Map<string, Claim[]>();
  for (const { claim, addresses } of claimants) {
    for (const address of addresses) {
      const others = claims.get(address);
      if (others) others.push(claim);
      else claims.set(address, [claim]);
    }
  }
  return claims;
}

/** The claim that is believed: whoever answered there, else the one that is staying, serves, is newest. */
export function ownerOf(claims: readonly Claim[], answered: string | undefined): Claim {
  const rank = (claim: Claim): readonly number[] => [
    Number(claim.nodeName === answered),
    Number(!claim.terminating),
    Number(claim.serving),
    claim.seen,
  ];
  return claims.reduce((best, claim) => (isHigher(rank(claim), rank(best)) ? claim : best));
}

/** The only claim that is alive; undefined when several are, since then nothing tells who of them answers. */
export function soleOwnerOf(claims: readonly Claim[]): Claim | undefined {
  const alive = claims.filter((claim) => claim.serving && !claim.terminating);
  return claims.length === 1 ? claims[0] : alive.length === 1 ? alive[0] : undefined;
}

function isHigher(a: readonly number[], b: readonly number[]): boolean {
  const differs = a.findIndex((value, i) => value !== b[i]);
  return differs >= 0 && a[differs]! > b[differs]!;
}
