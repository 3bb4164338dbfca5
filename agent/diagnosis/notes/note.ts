/** One observation; with `pair`, the pair that shows it best. */
export interface Note {
  readonly text: string;
  readonly pair?: { readonly source: string; readonly destination: string };
}
