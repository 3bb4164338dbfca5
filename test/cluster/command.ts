// Runs one program to its end. What it wrote to standard error becomes part of the error.
import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { input, env, timeoutMs = 120_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) {
        resolve(Buffer.concat(out).toString());
        return;
      }
      const how = signal === null ? `ended with ${code}` : `was ended by ${signal} (limit ${timeoutMs} ms)`;
      const said = [out, err]
        .map((chunks) => Buffer.concat(chunks).toString().trim())
        .join("\n")
        .trim();
      reject(new Error(`'${program} ${args.join(" ")}' ${how}: ${said.slice(-2000)}`));
    });
    child.stdin.on("error", () => {}); // the program may end without reading its input
    child.stdin.end(input);
  });
}
