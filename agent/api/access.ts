// Who may read what (design §4). Every route says who its readers are. Loopback (a port-forward, an exec) may read
// everything, under a Host header that no foreign web page can bring (DNS rebinding makes a browser send its own name,
// never an address). The threat model is docs/security.md.
import type { NextFunction, Request, Response } from "express";
import { ipRanges, parseIp, unmapped } from "../base/ip.ts";
import type { TokenFile } from "../base/token-file.ts";
import { TOKEN_HEADER } from "../base/token-header.ts";

/**
 * Whoever can reach the port; the agents of this mesh, by the address they call from; who has the token; this pod's
 * loopback alone.
 */
export type Readers = "anyone" | "agents" | "token" | "loopback";

export interface AccessOptions {
  /** Whether this is a pod address of an agent that discovery lists. */
  readonly isAgent: (address: string) => boolean;
  readonly readersOf: (req: Request) => Readers;
  /** Without one nobody has it. */
  readonly token?: Pick<TokenFile, "judge"> | undefined;
  /** Named in the text that says how to get in. */
  readonly port: () => number;
}

const isLoopback = ipRanges(["127.0.0.0/8", "::1"]);

export type Middleware = (req: Request, res: Response, next: NextFunction) => void | Promise<void>;

export function accessControl({ isAgent, readersOf, token, port }: AccessOptions): Middleware {
  return async (req, res, next) => {
    const from = addressOf(req.socket.remoteAddress);
    const isTrusted = from !== undefined && isLoopback(from);
    if (!isTrusted) {
      const readers = readersOf(req);
      const mayRead = readers === "anyone" || (readers === "agents" && from !== undefined && isAgent(from));
      if (mayRead) return next();
      if (readers === "token") {
        const given = req.get(TOKEN_HEADER);
        const judged = given === undefined ? undefined : await token?.judge(given);
        if (judged?.kind === "right") return next();
        if (given !== undefined)
          return refuse(res, `this is not the token of this agent${judged?.kind === "none" ? `: ${judged.why}` : ""}`);
      }
      const who = WHO[readers];
      refuse(
        res,
        `${req.originalUrl.slice(0, 200)} is only for ${who}, and this request came from ${from ?? "an unknown address"}. Try: kubectl port-forward -n <namespace> <internode pod> ${port()}, then http://127.0.0.1:${port()}${req.path}`,
      );
    } else if (!isSafeHost(req.headers.host)) {
      refuse(
        res,
        `the Host header names neither localhost nor an address, which is what a web page that rebinds DNS would send. Try: http://127.0.0.1:${port()}${req.path}`,
      );
    } else if (req.headers["sec-fetch-site"] === "cross-site" && req.headers["sec-fetch-mode"] !== "navigate") {
      refuse(res, "another web site's page asked for this in your browser: open this page itself instead");
    } else next();
  };
}

const WHO: Readonly<Record<Readers, string>> = {
  anyone: "anybody",
  agents: "the agents of this mesh and this pod's loopback",
  token: "who has the token, and for this pod's loopback",
  loopback: "this pod's loopback",
};

/** Without the interface that a link-local address comes with. */
export function addressOf(remote: string | undefined): string | undefined {
  const ip = remote === undefined ? undefined : parseIp(remote.replace(/%.*$/, ""));
  return ip && unmapped(ip).text;
}

export function isSafeHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d+$/, "").toLowerCase();
  if (name.startsWith("[")) return name.endsWith("]") && parseIp(name.slice(1, -1))?.family === "ipv6";
  return name === "localhost" || name.endsWith(".localhost") || parseIp(name)?.family === "ipv4";
}

function refuse(res: Response, why: string): void {
  res.status(403).json({ error: why });
}
