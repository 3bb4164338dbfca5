// Makes elements and writes into them: text is always text, never markup, whatever a node or a peer is called, and
// each of its characters can be seen.
import { forText } from "../../base/escape.ts";

type Children = readonly (Node | string | undefined)[];

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Children
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: Children
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill<E extends Element>(
  made: E,
  attributes: Readonly<Record<string, string | number>>,
  children: Children,
): E {
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, String(value));
  append(made, ...children);
  return made;
}

export function append(place: Element, ...children: Children): void {
  const shown = children.filter((child) => child !== undefined);
  place.append(...shown.map((child) => (typeof child === "string" ? forText(child) : child)));
}

/** Leaves what says the same already, and with it a person's focus and selection. */
export function setText(place: Element, text: string): void {
  const shown = forText(text);
  if (place.textContent !== shown) place.textContent = shown;
}

export function setAttribute(place: Element, name: string, text: string): void {
  place.setAttribute(name, forText(text));
}
