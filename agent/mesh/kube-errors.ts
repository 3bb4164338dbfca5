// What the API server's refusals mean to the person who installed the agent.
import { codeOf, connectionCure, reasonOf } from "./connection-errors.ts";
import { SilenceError } from "./silence.ts";

/** The history asked for is gone (HTTP 410 or an ERROR event with that code): only a new list helps. */
export class HistoryGoneError extends Error {
  override readonly name = "HistoryGoneError";
}

/** Not what an API server says. */
export class MalformedAnswerError extends Error {
  override readonly name = "MalformedAnswerError";
}

/** Its message says already what was tried, what happened, and the cure. */
export class DiscoveryError extends Error {
  override readonly name = "DiscoveryError";
}

export interface Resource {
  readonly namespace: string;
  readonly service: string;
}

/** `detail` is what the server says itself (the message of its Status). */
export function refusal(status: number, detail: string, { namespace, service }: Resource): DiscoveryError {
  const what = `the API server answered ${status} to listing the EndpointSlices of Service ${service} in namespace ${namespace}`;
  const said = detail === "" ? "" : `: ${detail.slice(0, 300)}`;
  return new DiscoveryError(`${what}${said}. ${cure(status, namespace)}`);
}

function cure(status: number, namespace: string): string {
  switch (status) {
    case 401:
      return "The token is not valid: it is read again at the next attempt; if that lasts, the ServiceAccount was deleted or the pod's token volume is stale, and the pod must be replaced.";
    case 403:
      return `Grant the agent's ServiceAccount the verbs list and watch on endpointslices in API group discovery.k8s.io by a Role and a RoleBinding in namespace ${namespace}.`;
    case 404:
      return "The API discovery.k8s.io/v1 is not served there: Kubernetes 1.21 or newer is needed, and the address must be that of an API server.";
    case 429:
      return "The server is overloaded; the agent waits and tries again.";
    default:
      return status >= 500
        ? "The server has trouble of its own; the agent waits and tries again."
        : "Check that the address is that of a Kubernetes API server.";
  }
}

export const noSlices = ({ namespace, service }: Resource): Error =>
  new Error(
    `there is no EndpointSlice of a Service ${service} in namespace ${namespace}. Check discovery.service and discovery.namespace; the Service must exist and select the agents' pods.`,
  );

/** A connection that ended in the middle of a watch. */
export function isCut(err: Error): boolean {
  return ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(codeOf(err) ?? "");
}

/** What to tell of a failed attempt. */
export function discoveryFailure(err: Error, { namespace, service }: Resource): Error {
  if (err instanceof DiscoveryError) return err;
  const kept = "The last known peers stay; the agent goes on trying.";
  const what = `discovery of Service ${service} in namespace ${namespace}`;
  if (err instanceof MalformedAnswerError)
    return new Error(`${what}: the API server's answer is invalid: ${err.message}. ${kept}`);
  if (err instanceof HistoryGoneError)
    return new Error(`${what}: the API server calls a list expired that it has just given: ${err.message}. ${kept}`);
  if (err instanceof SilenceError)
    return new Error(
      `${what}: the API server sent ${err.message}, so the connection was given up (a watch may be silent for discovery.idleTimeoutMs). ${kept}`,
    );
  const cure = connectionCure(err);
  return new Error(`${what}: ${reasonOf(err)}. ${cure === "" ? "" : `${cure} `}${kept}`);
}
