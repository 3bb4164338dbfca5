// A secret word in a file, as Kubernetes mounts a Secret: read again when it is asked for, so that a new one counts
// without a restart. Compared in constant time.
import { createHash, timingSafeEqual } from "node:crypto";
import { readText } from "./files.ts";

/** Shorter ones can be guessed. */
export const TOKEN_MIN_CHARS = 16;
/** What a header can carry. */
const TOKEN = /^[\x21-\x7e]+$/;
/** However many ask, the file is read this often. */
const FRESH_MS = 1_000;
const MAX_BYTES = 4_096;

export type Token =
  { readonly kind: "token"; readonly token: string } | { readonly kind: "none"; readonly why: string };
export type Given = { readonly kind: "right" | "wrong" | "missing" } | { readonly kind: "none"; readonly why: string };

export class TokenFile {
  readonly #path: string;
  #read: { readonly atMs: number; readonly token: Promise<Token> } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Never rejects. */
  token(): Promise<Token> {
    const nowMs = performance.now();
    if (this.#read === undefined || nowMs - this.#read.atMs >= FRESH_MS)
      this.#read = { atMs: nowMs, token: readToken(this.#path) };
    return this.#read.token;
  }

  /** Whether this is it. Never rejects. */
  async judge(given: string | undefined): Promise<Given> {
    const token = await this.token();
    if (token.kind === "none") return token;
    if (given === undefined || given === "") return { kind: "missing" };
    return { kind: timingSafeEqual(digest(given), digest(token.token)) ? "right" : "wrong" };
  }
}

/** The token in a file, without the line's end that editors and `echo` leave. Never rejects. */
export async function readToken(path: string): Promise<Token> {
  try {
    return asToken(await readText(path, MAX_BYTES), path);
  } catch (err) {
    return { kind: "none", why: `the token's file cannot be read: ${(err as Error).message}` };
  }
}

/** `from`: where it was found, for the text that says what is wrong with it. */
export function asToken(text: string, from: string): Token {
  const token = text.trim();
  if (token.length < TOKEN_MIN_CHARS)
    return {
      kind: "none",
      why: `the token in ${from} has ${token.length} characters; give it ${TOKEN_MIN_CHARS} or more`,
    };
  if (!TOKEN.test(token))
    return {
      kind: "none",
      why: `the token in ${from} has characters that a header cannot carry; use letters and digits`,
    };
  return { kind: "token", token };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
