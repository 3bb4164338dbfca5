// Whether losses have just begun: many more in the last seconds than in the minute before. A mesh that always loses a
// little is nothing new, and a fault that lasts stops being new by itself.
export const ONSET_SECONDS = 6;
/** The minute before, in such spans. */
export const USUAL_SPANS = 10;

/** A lost probe or two are nothing. */
const LEAST_LOST = 4;
const TIMES_USUAL = 4;

/** Probes lost in the last `ONSET_SECONDS`, and in the usual span of this length. */
export const hasJustBegun = (recent: number, usual: number): boolean =>
  recent >= LEAST_LOST && recent > TIMES_USUAL * usual;
