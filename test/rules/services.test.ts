// The quick part of the scenarios of the service path; all of them, on both Prometheus versions, run in test/long.
import { quick } from "./check.ts";
import { services } from "./services.scenarios.ts";

services(quick);
