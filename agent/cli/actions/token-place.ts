// Where else the token of an agent may lie. On its own, since every command of a checkout loads it at its start.

/** The token's file for the agent at this URL. */
export type TokenPlace = (url: string) => Promise<string | undefined>;

let elsewhere: TokenPlace = async () => undefined;

/** A checkout knows the demo that it started. */
export function lookForTokens(place: TokenPlace): void {
  elsewhere = place;
}

export const tokenFileElsewhere: TokenPlace = (url) => elsewhere(url);
