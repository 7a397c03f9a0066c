// Opens a page in a browser of the machine.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const { PATH = "", ProgramFiles = "", "ProgramFiles(x86)": programFiles86 = "" } = process.env;
const names = ["google-chrome", "microsoft-edge", "chromium"];
const files = [
  ...PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name))),
  ...["Google Chrome", "Microsoft Edge"].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
  join(ProgramFiles, "Google", "Chrome", "Application", "chrome.exe"),
  join(programFiles86, "Microsoft", "Edge", "Application", "msedge.exe"),
];

/** The path of Chrome, Edge, or Chromium, or undefined if the machine has none of them. */
export const browser = files.find((file) => existsSync(file));

/** Returns the command that prints a page when it waits for nothing anymore. The profile is a new folder. */
export function printPage(url: string, profile: string): string[] {
  const features = ["background-networking", "component-update", "gpu", "quic", "sync"];
  const options = ["--headless", "--no-first-run", ...features.map((name) => `--disable-${name}`)];
  // Neither root nor most containers can have a sandbox. The time of the page stands still while it waits.
  options.push("--no-sandbox", "--dump-dom", "--virtual-time-budget=10000", `--user-data-dir=${profile}`);
  return [browser!, ...options, url];
}
