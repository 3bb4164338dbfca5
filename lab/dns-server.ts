// The DNS server of a lab: a process in a namespace of its own on the underlay's switch.
import { fileURLToPath } from "node:url";
import { FaultProcess } from "./faults/fault-process.ts";
import type { InForce } from "./faults/fault.ts";
import type { DnsFault, ToDns } from "./dns-messages.ts";

const PROCESS = fileURLToPath(new URL("dns-process.ts", import.meta.url));

export class DnsServer implements AsyncDisposable {
  readonly #process: FaultProcess<ToDns>;
  readonly #faults = new Map<number, DnsFault>();

  private constructor(process: FaultProcess<ToDns>) {
    this.#process = process;
  }

  static async start(namespace: string): Promise<DnsServer> {
    return new DnsServer(await FaultProcess.start<ToDns>({ namespace, file: PROCESS, what: "answers DNS" }));
  }

  /** Of two faults of one client the first is in force. */
  async add(fault: DnsFault): Promise<InForce> {
    this.#faults.set(fault.id, fault);
    await this.#tell();
    return {
      counters: async () => (await this.#process.ask({ type: "counters" }))[fault.id],
      end: async () => {
        this.#faults.delete(fault.id);
        return (await this.#tell())[fault.id];
      },
    };
  }

  #tell() {
    return this.#process.ask({ type: "faults", faults: [...this.#faults.values()] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.end();
  }
}
