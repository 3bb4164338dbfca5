// Takes a picture of the live page, for the README.
//
//   node scripts/screenshot.ts <url> <file.png> [--dark] [--width <px>] [--height <px>]
//
// For instance with `npm start` running: node scripts/screenshot.ts http://127.0.0.1:8843/ docs/images/mesh.png
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { CHROMIUM, launchChromium } from "./chromium.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dark: { type: "boolean", default: false },
    width: { type: "string", default: "1120" },
    height: { type: "string", default: "680" },
  },
});
const [url, file] = positionals;
if (url === undefined || file === undefined)
  fail("usage: node scripts/screenshot.ts <url> <file.png> [--dark] [--width <px>] [--height <px>]");
if (!existsSync(CHROMIUM))
  fail(`there is no ${CHROMIUM}: apt-get install --no-install-recommends chromium, or set CHROMIUM`);

const browser = await launchChromium();
try {
  const page = await browser.newPage({
    colorScheme: values.dark ? "dark" : "light",
    viewport: { width: Number(values.width), height: Number(values.height) },
  });
  await page.goto(url);
  await page.locator("#status[data-state=live]").waitFor();
  if (url.includes("pair=")) await page.locator("dialog figure").first().waitFor();
  await page.screenshot({ path: file });
  console.log(`${file}: ${await page.title()}`);
} finally {
  await browser.close();
}

function fail(message: string): never {
  console.error(`screenshot: ${message}`);
  process.exit(2);
}
