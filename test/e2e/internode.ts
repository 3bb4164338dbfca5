// The command line as a person on a laptop runs it: a process of its own, with a kubeconfig.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const internode = (words: readonly string[], { kubeconfig }: { readonly kubeconfig: string }): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const env = { PATH: process.env["PATH"], KUBECONFIG: kubeconfig, NO_COLOR: "1" };
    execFile(process.execPath, [MAIN, ...words], { env, maxBuffer: 64 << 20 }, (fault, out, err) => {
      if (fault === null) resolve({ code: 0, out, err });
      else if (typeof fault.code === "number") resolve({ code: fault.code, out, err });
      // It did not end by itself: it could not be started, was killed, or said too much.
      else reject(fault);
    });
  });
