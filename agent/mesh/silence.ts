// When a connection that brings nothing is given up.

/** No byte came for `silenceMs`. */
export class SilenceError extends Error {
  override readonly name = "SilenceError";
  constructor(silenceMs: number) {
    super(`no byte for ${silenceMs / 1_000} s`);
  }
}

interface Body extends AsyncIterable<Uint8Array> {
  destroy(error: Error): unknown;
}

/**
 * The chunks of `body`; throws SilenceError, and destroys it, when none comes for `silenceMs`. By the clock: undici's
 * own timeouts count ticks of half a second that a starved process takes late, so 120 s may last minutes there.
 */
export async function* unlessSilent(body: Body, silenceMs: number): AsyncGenerator<Uint8Array> {
  let chunks = 0;
  const listen = (): NodeJS.Timeout => {
    const before = chunks;
    const giveUp = (): void => {
      if (chunks === before) body.destroy(new SilenceError(silenceMs));
    };
    // What lay in the socket of a process that stood still counts as heard: it is read before an immediate runs.
    return setTimeout(() => setImmediate(giveUp), silenceMs);
  };
  let timer = listen();
  try {
    for await (const chunk of body) {
      chunks += 1;
      clearTimeout(timer);
      timer = listen();
      yield chunk;
    }
  } finally {
    // An immediate may be under way already.
    chunks += 1;
    clearTimeout(timer);
  }
}
