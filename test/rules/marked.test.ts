// The quick part of the scenarios of marked nodes; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { marked } from "./marked.scenarios.ts";

marked(quick);
