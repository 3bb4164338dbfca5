// The slider over the last hour, which the agents keep themselves: one step a minute, and now at its right end. The
// minute that is chosen stays while time goes on.
import { formatSpan, type Span } from "../../base/span.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import { setText } from "./dom.ts";

export interface TimeListener {
  /** What was in the chosen minute; undefined: now. */
  snapshot(snapshot: Snapshot | undefined): void;
  /** Another minute was chosen. */
  chosen(): void;
}

const MINUTE_MS = 60_000;
const KEPT_MINUTES = 60;
/** Whoever drags the slider means where it comes to rest. */
const REST_MS = 150;

export class TimeSlider {
  readonly #root: HTMLElement;
  readonly #slider: HTMLInputElement;
  readonly #words: HTMLElement;
  readonly #back: HTMLButtonElement;
  readonly #listener: TimeListener;
  /** Begin of the chosen minute, since the epoch; undefined: now. */
  #minuteMs: number | undefined;
  #asking: AbortController | undefined;
  #trouble: string | undefined;

  constructor(root: HTMLElement, listener: TimeListener) {
    this.#root = root;
    this.#slider = root.querySelector("input")!;
    this.#words = root.querySelector("output")!;
    this.#back = root.querySelector("button")!;
    this.#listener = listener;
  }

  /** `minute`: RFC 3339, of a minute that was chosen before. */
  connect(minute: string | null): void {
    this.#slider.addEventListener("input", () => {
      const ago = -Number(this.#slider.value);
      this.#choose(ago === 0 ? undefined : thisMinuteMs() - ago * MINUTE_MS);
    });
    this.#back.addEventListener("click", () => {
      this.#choose(undefined);
      this.#slider.focus();
    });
    const ms = minute === null ? Number.NaN : Math.floor(Date.parse(minute) / MINUTE_MS) * MINUTE_MS;
    const isKept = ms < thisMinuteMs() && ms >= thisMinuteMs() - KEPT_MINUTES * MINUTE_MS;
    this.#choose(isKept ? ms : undefined);
  }

  /** The chosen minute; undefined: now. */
  get span(): Span | undefined {
    const ms = this.#minuteMs;
    return ms === undefined
      ? undefined
      : { since: new Date(ms).toISOString(), until: new Date(ms + MINUTE_MS).toISOString() };
  }

  /** Time has gone on. */
  tick(): void {
    const { span } = this;
    const ms = this.#minuteMs;
    this.#root.classList.toggle("past", span !== undefined);
    this.#back.hidden = span === undefined;
    if (span === undefined || ms === undefined) return this.#say(0, "now");
    const ago = Math.round((thisMinuteMs() - ms) / MINUTE_MS);
    const age = `${formatSpan(span)}, ${ago} min ago`;
    this.#say(ago, this.#trouble === undefined ? age : `${age}: ${this.#trouble}`);
  }

  #choose(minuteMs: number | undefined): void {
    const before = this.#minuteMs;
    this.#minuteMs = minuteMs;
    this.#trouble = undefined;
    this.#asking?.abort();
    this.#root.removeAttribute("aria-busy");
    this.tick();
    if (before === minuteMs) return;
    this.#listener.chosen();
    if (this.span === undefined) this.#listener.snapshot(undefined);
    else void this.#ask(this.span);
  }

  async #ask(span: Span): Promise<void> {
    const asking = (this.#asking = new AbortController());
    this.#root.setAttribute("aria-busy", "true");
    try {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      if (asking.signal.aborted) return;
      const query = new URLSearchParams({ ...span }).toString();
      const response = await fetch(`/api/v1/mesh?${query}`, { signal: asking.signal });
      const said = (await response.json()) as Snapshot | { readonly error: string };
      if ("error" in said) this.#trouble = said.error;
      else this.#listener.snapshot(said);
    } catch {
      if (asking.signal.aborted) return;
      this.#trouble = "the agent does not answer";
    }
    this.#root.removeAttribute("aria-busy");
    this.tick();
  }

  #say(ago: number, words: string): void {
    this.#slider.value = String(-Math.min(ago, KEPT_MINUTES));
    this.#slider.setAttribute("aria-valuetext", words);
    setText(this.#words, words);
  }
}

const thisMinuteMs = (): number => Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
