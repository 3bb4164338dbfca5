// Connections to the probe port that are no probes: somebody waits for them, for as long as a run lasts. So no further
// port has to be open, in a NetworkPolicy or as a hostPort.
import type { Socket } from "node:net";

type Take = (socket: Socket) => boolean;

export class TcpGuests {
  readonly #takers = new Set<Take>();

  /** `take` says whether a connection is its own, and has it then. Until disposed. */
  expect(take: Take): Disposable {
    this.#takers.add(take);
    return { [Symbol.dispose]: () => void this.#takers.delete(take) };
  }

  offer(socket: Socket): boolean {
    for (const take of this.#takers) if (take(socket)) return true;
    return false;
  }
}
