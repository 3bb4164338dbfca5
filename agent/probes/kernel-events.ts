// The one table from kernel event to outcome (design §2.6). Every protocol asks it; none decides by itself.
// ICMP codes: RFC 792, RFC 1812 §5.2.7.1 (IPv4), RFC 4443 §3.1 (IPv6).
import type { IcmpError } from "../kernel/kernel.ts";
import { FAILED, REFUSED, type Outcome } from "../model/outcome.ts";
import type { IpFamily } from "../model/peer.ts";

/** What the table says of an event. */
export type Verdict =
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  /** Our own machine could not do it: not a probe at all. */
  | { readonly kind: "local" }
  /** Says nothing of the path (packet too big while path MTU discovery works): the probe stays outstanding. */
  | { readonly kind: "ignore" };

const outcome = (o: Outcome): Verdict => ({ kind: "outcome", outcome: o });
const IGNORE: Verdict = { kind: "ignore" };
const LOCAL: Verdict = { kind: "local" };
const UNREACHABLE = outcome(FAILED.unreachable);
const BLOCKED = outcome(FAILED.blocked);
const REFUSAL = outcome(REFUSED);
const TIMEOUT = outcome(FAILED.timeout);

const ICMP_DEST_UNREACHABLE = 3;
const ICMP_TIME_EXCEEDED = 11;
const ICMP6_DEST_UNREACHABLE = 1;
const ICMP6_TIME_EXCEEDED = 3;

/**
 * An ICMP error that came back for one of our packets. Only the target itself can refuse: an error of the same kind
 * from another address is a policy's on the way (kube-router, and others by option, reject so).
 */
export function icmpEvent(family: IpFamily, { type, code, fromTarget }: IcmpError): Verdict {
  if (family === "ipv4") {
    if (type === ICMP_TIME_EXCEEDED) return UNREACHABLE;
    if (type !== ICMP_DEST_UNREACHABLE) return IGNORE;
    switch (code) {
      case 2: // protocol unreachable
      case 3: // port unreachable
        return fromTarget ? REFUSAL : BLOCKED;
      case 4: // fragmentation needed
        return IGNORE;
      case 9: // network administratively prohibited
      case 10: // host administratively prohibited
      case 13: // communication administratively prohibited
        return BLOCKED;
      default:
        return UNREACHABLE;
    }
  }
  if (type === ICMP6_TIME_EXCEEDED) return UNREACHABLE;
  if (type !== ICMP6_DEST_UNREACHABLE) return IGNORE;
  switch (code) {
    case 1: // administratively prohibited
    case 5: // source address failed ingress/egress policy
    case 6: // reject route to destination
      return BLOCKED;
    case 4: // port unreachable
      return fromTarget ? REFUSAL : BLOCKED;
    default:
      return UNREACHABLE;
  }
}

/** How full the connection tracking table is; a full one makes EPERM our own fault instead of a policy's. */
export type ConntrackState = "full" | "not-full";

/** An errno from send, connect or SO_ERROR. `conntrack` is asked only where EPERM makes it matter. */
export function errnoEvent(errno: string, conntrack: () => ConntrackState): Verdict {
  switch (errno) {
    case "ECONNREFUSED":
    case "ECONNRESET":
      return REFUSAL;
    case "ETIMEDOUT":
      return TIMEOUT;
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "EHOSTDOWN":
    case "ENETDOWN":
    case "ENONET":
      return UNREACHABLE;
    case "EACCES": // a prohibit route (ip-route(8)); IPv6 policy
      return BLOCKED;
    case "EPERM":
      return conntrack() === "full" ? LOCAL : BLOCKED;
    default:
      // ENOBUFS, EAGAIN, EMFILE, ENFILE, ENOMEM, EADDRNOTAVAIL, EINVAL (blackhole route, loopback source) …
      return LOCAL;
  }
}
