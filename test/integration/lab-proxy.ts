// An agent's API from outside its namespace.
import { get } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import type { Lab } from "../../lab/lab.ts";

/** The body, or undefined when nobody answered within `timeoutMs`. */
export function getOverProxy(lab: Lab, node: string, path: string, timeoutMs = 3_000): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const request = get(
    {
      path,
      host: "127.0.0.1",
      signal: AbortSignal.timeout(timeoutMs),
      createConnection: () => connect(lab.target(node, "http")),
    },
    (response) => {
      text(response).then(resolve, () => resolve(undefined));
    },
  );
  request.on("error", () => resolve(undefined));
  return promise;
}
