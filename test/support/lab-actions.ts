// Actions of a lab's agents, asked for as the command line asks: over HTTP, with the token of the run directory.
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { readLines, TOKEN_HEADER, type Line } from "../../agent/actions/lines.ts";
import { tokenFileOf } from "../../lab/agent-files.ts";
import type { Lab } from "../../lab/lab.ts";

export interface Acted {
  readonly status: number;
  readonly lines: readonly Line[];
  readonly result: Readonly<Record<string, unknown>> | undefined;
  readonly text: string;
}

export async function act(lab: Lab, node: string, action: string, body: object): Promise<Acted> {
  const token = (await readFile(tokenFileOf(lab.directory), "utf8")).trim();
  return new Promise((resolve, reject) => {
    const ask = request(
      {
        socketPath: lab.target(node, "http").path,
        path: `/api/v1/actions/${action}`,
        method: "POST",
        agent: false,
        headers: { host: "localhost", "content-type": "application/json", [TOKEN_HEADER]: token },
      },
      (response) => {
        let text = "";
        response
          .setEncoding("utf8")
          .on("data", (part: string) => (text += part))
          .on("end", () => void answered(response.statusCode!, text).then(resolve, reject))
          .on("error", reject);
      },
    );
    ask.on("error", reject).end(JSON.stringify(body));
  });
}

async function answered(status: number, text: string): Promise<Acted> {
  const lines: Line[] = [];
  if (status === 200) for await (const line of readLines(bytesOf(text))) lines.push(line);
  return { status, lines, result: lines.find(({ kind }) => kind === "result"), text };
}

// eslint-disable-next-line require-await
async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
