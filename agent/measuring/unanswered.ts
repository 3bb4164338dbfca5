// UDP packets that the answering end gives no answer: each reason is logged once, with what to do.
import type { Logger } from "pino";
import type { Unanswered } from "../reflector/udp-reflector.ts";

const TOLD: Readonly<Record<Unanswered, string>> = {
  key: "UDP probes come with another shared key than ours, or one of us has none: they are lost until all agents have the same udp.keyFile",
  limited:
    "more UDP packets than are answered come from addresses that are no peer's: agents that discovery does not list, peers behind address translation, or a scan",
  checksum: "UDP probes arrive damaged: something on the way changes packets",
  version: "UDP probes of another version arrive: finish the upgrade",
  short: "something that is no probe is sent to the UDP probe port",
  foreign: "something that is no probe is sent to the UDP probe port",
  truncated: "UDP packets larger than any probe are sent to the probe port",
  unsent: "this machine would not send the answer to a UDP probe",
};

export class UnansweredLog {
  readonly #log: Pick<Logger, "warn">;
  /** Over all lives of the answering end. */
  readonly #told = new Set<Unanswered>();

  constructor(log: Pick<Logger, "warn">) {
    this.#log = log;
  }

  readonly tell = (why: Unanswered, from: string): void => {
    if (this.#told.has(why)) return;
    this.#told.add(why);
    this.#log.warn(
      { from, result: why },
      `${TOLD[why]}; further ones are only counted (internode_reflector_packets_total)`,
    );
  };
}
