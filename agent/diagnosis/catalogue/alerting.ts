// Which findings become the alert InternodeFinding: those that no counter alert names by itself. What only an agent, DNS
// or a service suffers has an alert of its own, made from counters, that needs no judge.
import { FINDING_CODES, type FindingCode } from "../../model/finding.ts";
import { CODES } from "./codes.ts";

/** A route that changes is news and no fault: what it does to packets is a finding of its own. */
const NO_FAULT: readonly FindingCode[] = ["IN-ROUTE"];

/** Loss, which counter alerts see above a threshold only, and what they cannot see at all. */
export const ALERTING_CODES: readonly FindingCode[] = FINDING_CODES.filter(
  (code) => (CODES[code].isLoss || CODES[code].alerts.length === 0) && !NO_FAULT.includes(code),
);
