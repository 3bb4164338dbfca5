import { VERSION } from "../model/version.ts";
import { EXIT, type Command } from "./command.ts";

export const command: Command = {
  declare() {},
  run() {
    console.log(`internode ${VERSION} (node ${process.version})`);
    return Promise.resolve(EXIT.fine);
  },
};
