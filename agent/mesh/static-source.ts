// The mesh from a JSON file, read again when it changes. The file is polled: change notices are lost when a file is
// replaced by rename, and when the kubelet swaps the symbolic link of a mounted ConfigMap.
import { stat } from "node:fs/promises";
import { MAX_FILE_BYTES, readText } from "../base/files.ts";
import type { AddressPolicy } from "./addresses.ts";
import type { MeshSource, MeshSourceListener } from "./source.ts";
import { parseStaticMesh, StaticMeshError } from "./static-file.ts";

export interface StaticSourceOptions extends AddressPolicy {
  readonly file: string;
  /** How often the file is looked at. A `stat` costs microseconds. */
  readonly pollMs?: number;
}

export function createStaticSource(options: StaticSourceOptions): MeshSource {
  return {
    start(listener) {
      const watch = new StaticWatch(options, listener);
      watch.begin();
      return watch;
    },
  };
}

class StaticWatch implements AsyncDisposable {
  readonly #options: StaticSourceOptions;
  readonly #listener: MeshSourceListener;
  readonly #pollMs: number;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #disposed = false;
  /** What the file looked like when it was last found good, and what was in it. */
  #lastStat = "";
  #lastText: string | undefined;
  /** The last complaint, so that a fault that stays is told once and not at every reading. */
  #lastComplaint = "";

  constructor(options: StaticSourceOptions, listener: MeshSourceListener) {
    this.#options = options;
    this.#listener = listener;
    this.#pollMs = options.pollMs ?? 1_000;
  }

  begin(): void {
    this.#reading = this.#readFile().then(() => {
      if (!this.#disposed) this.#timer = setTimeout(() => this.begin(), this.#pollMs);
    });
  }

  async #readFile(): Promise<void> {
    try {
      const now = await fingerprint(this.#options.file);
      if (now !== this.#lastStat) {
        const text = await readText(this.#options.file);
        // Written to while it was read: the next reading sees it whole.
        if ((await fingerprint(this.#options.file)) !== now) return;
        this.#take(text);
        this.#lastStat = now;
      }
      if (!this.#disposed && this.#lastComplaint === "") this.#listener.synced();
    } catch (err) {
      if (err instanceof StaticMeshError) this.#complain(err);
      else
        this.#complain(
          new Error(
            `cannot read the static mesh ${this.#options.file}: ${(err as Error).message}. Correct discovery.file or make the file readable; the last good one stays in force.`,
          ),
        );
    }
  }

  #take(text: string): void {
    if (this.#disposed || (text === this.#lastText && this.#lastComplaint === "")) return;
    const endpoints = parseStaticMesh(this.#options.file, text, this.#options);
    this.#lastComplaint = "";
    if (text === this.#lastText) return;
    this.#lastText = text;
    this.#listener.endpoints(endpoints);
  }

  #complain(error: Error): void {
    this.#lastStat = "";
    if (this.#disposed || error.message === this.#lastComplaint) return;
    this.#lastComplaint = error.message;
    this.#listener.failed(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#timer);
    await this.#reading;
  }
}

/** Changes whenever the file may have: a rename changes the inode, a write the time or the size. */
async function fingerprint(file: string): Promise<string> {
  const { ino, dev, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  if (size > MAX_FILE_BYTES)
    throw new StaticMeshError(file, [`it has ${size} bytes; at most ${MAX_FILE_BYTES} are read`]);
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}
