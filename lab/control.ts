// How `internode fault` in another terminal speaks to a running lab: one line of JSON each way on a socket in the lab's
// directory, which only its owner may enter.
import { once } from "node:events";
import { createServer, connect, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { FaultSyntaxError } from "./faults/grammar.ts";
import type { FaultStatus } from "./faults/faults.ts";
import type { Lab } from "./lab.ts";
import { LabError } from "./machine.ts";
import { controlSocketOf, findLabs, type FoundLab } from "./run-directory.ts";

export type ControlRequest =
  | { readonly type: "inject"; readonly text: string }
  | { readonly type: "list" }
  | { readonly type: "clear"; readonly id?: number | undefined };

type ControlAnswer =
  { readonly faults: readonly FaultStatus[] } | { readonly error: string; readonly isSyntax: boolean };

const MAX_REQUEST_BYTES = 64 * 1_024;
const ANSWER_DEADLINE_MS = 30_000;

export type Controllable = Pick<Lab, "directory" | "inject" | "faults" | "clear">;

export interface ControlOptions {
  /** A fault came or went, for the terminal that the lab runs in. */
  readonly onChange?: (change: string) => void;
}

export async function openControl(
  lab: Controllable,
  { onChange = () => {} }: ControlOptions = {},
): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket)).on("error", () => socket.destroy());
    void answer({ lab, socket, onChange });
  });
  server.listen(controlSocketOf(lab.directory));
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await closed(server);
    },
  };
}

async function closed(server: Server): Promise<void> {
  if (server.listening) await new Promise((resolve) => void server.close(resolve));
}

async function answer({
  lab,
  socket,
  onChange,
}: {
  lab: Controllable;
  socket: Socket;
  onChange: (change: string) => void;
}): Promise<void> {
  let result: ControlAnswer;
  try {
    const faults = await carryOut(lab, await readRequest(socket), onChange);
    result = { faults };
  } catch (err) {
    if (socket.destroyed) return;
    result = { error: (err as Error).message, isSyntax: err instanceof FaultSyntaxError };
  }
  socket.end(`${JSON.stringify(result)}\n`);
}

async function readRequest(socket: Socket): Promise<ControlRequest> {
  let line = "";
  for await (const chunk of socket.setEncoding("utf8")) {
    line += chunk;
    if (line.length > MAX_REQUEST_BYTES) throw new LabError("the request is too long");
  }
  const request = JSON.parse(line) as Partial<ControlRequest> | null;
  if (
    request?.type === "list" ||
    (request?.type === "inject" && typeof request.text === "string") ||
    request?.type === "clear"
  )
    return request as ControlRequest;
  throw new LabError(`this lab knows no such request: ${line.trim().slice(0, 200)}. Use the internode that started it`);
}

async function carryOut(
  lab: Controllable,
  request: ControlRequest,
  onChange: (change: string) => void,
): Promise<readonly FaultStatus[]> {
  switch (request.type) {
    case "list":
      return lab.faults();
    case "inject": {
      const fault = await lab.inject(request.text);
      onChange(`fault ${fault.id} begins: ${fault.text}`);
      return [fault];
    }
    case "clear": {
      const ended = await lab.clear(request.id);
      for (const { id, text } of ended) onChange(`fault ${id} ends: ${text}`);
      return ended;
    }
  }
}

/** The running lab that faults go to: the one named, or the only one. Throws LabError with the cure. */
export async function findControllableLab(id: string | undefined): Promise<FoundLab> {
  const labs = (await findLabs()).filter((lab) => lab.running && (id === undefined || lab.id === id));
  const [lab, ...others] = labs;
  if (!lab) {
    throw new LabError(
      `no lab ${id === undefined ? "is running" : `'${id}' is running`} here. Start one: internode demo. One that another user started takes faults from that user only`,
    );
  }
  if (others.length > 0)
    throw new LabError(
      `${labs.length} labs are running; choose one with --lab: ${labs.map((lab) => lab.id).join(", ")}`,
    );
  if (lab.kind === "loopback")
    throw new LabError(
      "the lab runs on loopback, where nothing can be broken. It told at its start what a whole lab needs",
    );
  return lab;
}

/** Throws FaultSyntaxError or LabError, as the lab did. */
export async function askLab(lab: FoundLab, request: ControlRequest): Promise<readonly FaultStatus[]> {
  const socket = connect({
    path: controlSocketOf(lab.directory),
    allowHalfOpen: true,
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
  });
  let said: string;
  try {
    socket.end(`${JSON.stringify(request)}\n`);
    said = await text(socket);
  } catch (err) {
    throw new LabError(
      `lab inode-${lab.id} (process ${lab.owner.pid}) cannot be asked: ${(err as Error).message}. It takes faults once its page answers, and until it stops.`,
    );
  }
  if (said === "") throw new LabError(`lab inode-${lab.id} is stopping`);
  const result = JSON.parse(said) as ControlAnswer;
  if ("faults" in result) return result.faults;
  throw result.isSyntax ? new FaultSyntaxError(result.error) : new LabError(result.error);
}
