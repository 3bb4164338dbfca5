// What a test calls a finding: a group by its members in order, since its id means nothing to a person.
import { subjectName, type Finding, type Subject } from "../../agent/model/finding.ts";

export const placeOf = (subject: Subject): string =>
  subject.kind === "group" ? subject.nodes.toSorted().join() : subjectName(subject);

/** The code and the place. */
export const nameOf = ({ code, subject }: Pick<Finding, "code" | "subject">): string => `${code} ${placeOf(subject)}`;
