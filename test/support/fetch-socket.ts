// HTTP through a socket in the file system: how a lab's agents are reached from outside their namespaces.
import { get } from "node:http";

export const fetchSocket = (socketPath: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get({ socketPath, path, agent: false, timeout: 10_000, headers: { host: "localhost" } }, (response) => {
      let text = "";
      response
        .setEncoding("utf8")
        .on("data", (part: string) => (text += part))
        .on("end", () =>
          response.statusCode === 200
            ? resolve(text)
            : reject(new Error(`${path}: HTTP ${response.statusCode}: ${text}`)),
        )
        .on("error", reject);
    })
      .on("timeout", () => reject(new Error(`${path} did not answer within 10 s`)))
      .on("error", reject);
  });
