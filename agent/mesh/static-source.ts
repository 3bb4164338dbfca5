// The mesh from a JSON file, read again when it changes. The file is polled: change notices are lost when a file is
// replaced by rename, and when the kubelet swaps the symbolic link of a mounted ConfigMap.
import { statSync } from "node:fs";
import type { Chores } from "../base/chores.ts";
import { MAX_FILE_BYTES, readText } from "../base/files.ts";
import type { AddressPolicy } from "./addresses.ts";
import type { MeshSource, MeshSourceListener } from "./source.ts";
import { parseStaticMesh, StaticMeshError } from "./static-file.ts";

export interface StaticSourceOptions extends AddressPolicy {
  readonly file: string;
  readonly chores: Chores;
}

/** How often the file is looked at: a `stat` in place, which takes microseconds; by a thread of its own it costs fifty times as much. */
const LOOK_EVERY_MS = 1_000;

export function createStaticSource(options: StaticSourceOptions): MeshSource {
  return {
    start(listener) {
      const watch = new StaticWatch(options, listener);
      watch.look();
      return watch;
    },
  };
}

class StaticWatch implements AsyncDisposable {
  readonly #options: StaticSourceOptions;
  readonly #listener: MeshSourceListener;
  readonly #looking: Disposable;
  #reading: Promise<void> | undefined;
  #disposed = false;
  /** What the file looked like when it was last found good, and what was in it. */
  #lastStat = "";
  #lastText: string | undefined;
  /** The last complaint, so that a fault that stays is told once and not at every reading. */
  #lastComplaint = "";

  constructor(options: StaticSourceOptions, listener: MeshSourceListener) {
    this.#options = options;
    this.#listener = listener;
    this.#looking = options.chores.every(LOOK_EVERY_MS, () => this.look());
  }

  /** Reads the file if it is another one than the last time. */
  look(): void {
    if (this.#reading) return;
    try {
      const now = fingerprint(this.#options.file);
      if (now === this.#lastStat) this.#synced();
      else this.#reading = this.#read(now).finally(() => (this.#reading = undefined));
    } catch (err) {
      this.#failed(err);
    }
  }

  async #read(now: string): Promise<void> {
    try {
      const text = await readText(this.#options.file);
      // Written to while it was read: the next look sees it whole.
      if (fingerprint(this.#options.file) !== now) return;
      this.#take(text);
      this.#lastStat = now;
      this.#synced();
    } catch (err) {
      this.#failed(err);
    }
  }

  #synced(): void {
    if (!this.#disposed && this.#lastComplaint === "") this.#listener.synced();
  }

  #failed(err: unknown): void {
    if (err instanceof StaticMeshError) this.#complain(err);
    else
      this.#complain(
        new Error(
          `cannot read the static mesh ${this.#options.file}: ${(err as Error).message}. Correct discovery.file or make the file readable; the last good one stays in force.`,
        ),
      );
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
    this.#looking[Symbol.dispose]();
    await this.#reading;
  }
}

/** Changes whenever the file may have: a rename changes the inode, a write the time or the size. */
function fingerprint(file: string): string {
  const { ino, dev, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
  if (size > MAX_FILE_BYTES)
    throw new StaticMeshError(file, [`it has ${size} bytes; at most ${MAX_FILE_BYTES} are read`]);
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}
