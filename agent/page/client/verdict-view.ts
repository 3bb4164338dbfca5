// What the judge says: findings that mark their cells, the four checks of Kubernetes' network model, and what is over.
import { formatAge } from "../../base/format.ts";
import { pairsOf } from "../../diagnosis/notes/concern.ts";
import { sureness } from "../../diagnosis/notes/summary.ts";
import type { Cause, EndedFinding, Finding, Findings, NetworkCheck } from "../../model/finding.ts";
import { element, setText } from "./dom.ts";
import type { Marks } from "./matrix.ts";

/** Judged every ten seconds, by a judge that may be replaced within half a minute. */
const OLD_MS = 60_000;
const ENDED_SHOWN = 30;

export class VerdictView {
  readonly #root: HTMLElement;
  readonly #marked: (marks: Marks | undefined) => void;
  #findings: Findings | undefined;
  /** Id of the finding whose cells are marked. */
  #chosen: string | undefined;

  constructor(root: HTMLElement, marked: (marks: Marks | undefined) => void) {
    this.#root = root;
    this.#marked = marked;
  }

  get findings(): Findings | undefined {
    return this.#findings;
  }

  show(findings: Findings): void {
    this.#findings = findings;
    if (!findings.findings.some(({ id }) => id === this.#chosen)) this.#choose(undefined);
    // What has not changed keeps its elements, and with them a person's focus and what is unfolded.
    fillAnew(this.#get("findings"), findings.findings, (finding) => this.#item(finding));
    fillAnew(this.#get("checks"), findings.checks, checkItem);
    const history = this.#get("history") as HTMLDetailsElement;
    history.hidden = findings.ended.length === 0;
    setText(history.querySelector("summary")!, `What is over (${findings.ended.length})`);
    fillAnew(history.querySelector("ul")!, findings.ended.slice(0, ENDED_SHOWN), endedItem);
    this.#press();
    this.tellAge();
  }

  /** By whom, and since when nobody has judged anew. */
  tellAge(): void {
    const findings = this.#findings;
    if (!findings) return;
    const ageMs = Date.now() - Date.parse(findings.at);
    const by = findings.alone ?? `Judged by ${findings.by.name}.`;
    setText(this.#get("judge"), ageMs > OLD_MS ? `${by} This verdict is ${formatAge(ageMs)} old.` : by);
  }

  #item(finding: Finding): HTMLElement {
    const button = element("button", { type: "button", "aria-pressed": "false" }, finding.text);
    button.dataset["finding"] = finding.id;
    button.addEventListener("click", () => this.#choose(this.#chosen === finding.id ? undefined : finding));
    return element("li", {}, button, ...particulars(finding));
  }

  #choose(finding: Finding | undefined): void {
    if (this.#chosen === finding?.id) return;
    this.#chosen = finding?.id;
    this.#marked(finding && pairsOf(finding.subject));
    this.#press();
  }

  #press(): void {
    for (const button of this.#get("findings").querySelectorAll<HTMLElement>("button"))
      button.setAttribute("aria-pressed", String(button.dataset["finding"] === this.#chosen));
  }

  #get(id: string): HTMLElement {
    return this.#root.querySelector<HTMLElement>(`#${id}`)!;
  }
}

/** Since when and how sure, and unfolded: why, what to run next, and what helps. */
export function particulars({ code, since, confidence, causes, next, cure }: Finding): HTMLElement[] {
  const summary = `${code}, since ${new Date(since).toLocaleTimeString()}, ${sureness(confidence)}: causes and what to do`;
  const [likeliest, ...others] = causes;
  return [
    element(
      "details",
      {},
      element("summary", {}, summary),
      ...(likeliest ? [element("p", {}, `Likeliest: ${likeliest.text}`)] : []),
      ...(likeliest ? signsOf(likeliest) : []),
      ...others.flatMap((cause) => [element("p", {}, `Or: ${cause.text}`), ...signsOf(cause)]),
      ...(next === "" ? [] : [element("p", {}, "Next: ", element("code", {}, next))]),
      ...(cure === "" ? [] : [element("p", {}, `What helps: ${cure}`)]),
    ),
  ];
}

/** What was seen that speaks for a cause, and against it. */
const signsOf = ({ for: pro, against }: Cause): HTMLElement[] => [
  ...pro.map((sign) => element("p", { class: "quiet" }, `+ ${sign}`)),
  ...against.map((sign) => element("p", { class: "quiet" }, `– ${sign}`)),
];

function checkItem({ state, text }: NetworkCheck): HTMLElement {
  return element("li", { "data-state": state }, text);
}

const ENDINGS: Readonly<Record<EndedFinding["because"], string>> = {
  over: "over",
  explained: "part of something wider",
  gone: "gone from the mesh",
};

function endedItem({ text, code, since, ended, because }: EndedFinding): HTMLElement {
  const time = (moment: string) => new Date(moment).toLocaleString();
  return element(
    "li",
    {},
    text,
    element("small", {}, `${code}, ${time(since)} to ${time(ended)}: ${ENDINGS[because]}`),
  );
}

function fillAnew<T>(place: HTMLElement, items: readonly T[], make: (item: T) => HTMLElement): void {
  const key = JSON.stringify(items);
  if (place.dataset["key"] === key) return;
  place.dataset["key"] = key;
  place.replaceChildren(...items.map(make));
}
