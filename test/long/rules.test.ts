// Every scenario of the alert rules, on every promtool there is.
import { agents } from "../rules/agents.scenarios.ts";
import { blockedPairs } from "../rules/blocked.scenarios.ts";
import { calm } from "../rules/calm.scenarios.ts";
import { thorough } from "../rules/check.ts";
import { described } from "../rules/described.scenarios.ts";
import { findings } from "../rules/findings.scenarios.ts";
import { marked } from "../rules/marked.scenarios.ts";
import { nodes } from "../rules/nodes.scenarios.ts";
import { sampled } from "../rules/sampled.scenarios.ts";
import { services } from "../rules/services.scenarios.ts";
import { shapes } from "../rules/shapes.scenarios.ts";
import { slow } from "../rules/slow.scenarios.ts";
import { thresholds } from "../rules/thresholds.scenarios.ts";
import { twice } from "../rules/twice.scenarios.ts";

// Those of days first: begun last, they would be waited for on one core.
for (const scenarios of [
  slow,
  nodes,
  calm,
  sampled,
  shapes,
  thresholds,
  twice,
  marked,
  blockedPairs,
  agents,
  services,
  findings,
  described,
])
  scenarios(thorough);
