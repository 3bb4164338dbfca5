// The image's bundle shortens the names of classes, so an error that is logged has its name as a text.
import { expect, test } from "vitest";
import { ActionError } from "../../agent/actions/action.ts";
import { LinesError } from "../../agent/actions/lines.ts";
import { DiscoveryError, HistoryGoneError, MalformedAnswerError } from "../../agent/mesh/kube-errors.ts";
import { SilenceError } from "../../agent/mesh/silence.ts";
import { StaticMeshError } from "../../agent/mesh/static-file.ts";
import { RowError } from "../../agent/peers/schema.ts";

test.each([
  ["DiscoveryError", new DiscoveryError("")],
  ["HistoryGoneError", new HistoryGoneError("")],
  ["MalformedAnswerError", new MalformedAnswerError("")],
  ["SilenceError", new SilenceError(1_000)],
  ["ActionError", new ActionError("")],
  ["LinesError", new LinesError("")],
  ["RowError", new RowError("")],
  ["StaticMeshError", new StaticMeshError("mesh.json", [])],
])("%s says its name itself, not by its class", (name, error) => {
  expect(Object.getOwnPropertyDescriptor(error, "name")?.value).toBe(name);
});
