// Notices that the npm command that started this process has ended.

import { readFileSync } from "node:fs";

/** Returns the ID of the parent and, if that is npm's shell, which survives a SIGHUP to npm, the ID of npm. */
function findParents(): string {
  const { ppid } = process;
  try {
    const [command = "", status = ""] = ["cmdline", "status"].map((name) =>
      readFileSync(`/proc/${ppid}/${name}`, "utf8"),
    );
    if (/^[^\0]*sh\0-c\0/.test(command)) return `${ppid} ${/^PPid:.*/m.exec(status)}`;
  } catch {
    // Only Linux has /proc. On macOS, npm itself is the parent.
  }
  return `${ppid}`;
}

const parents = findParents();

/**
 * Calls back once when npm, which runs this process as a script of this project, has ended: a SIGTERM or SIGHUP to npm
 * ends npm, but doesn't reach this process. If another parent ends, this process continues. On Windows, it never calls
 * back, because the ID of the parent doesn't change.
 */
export function whenNpmEnds(callback: () => void) {
  if (process.env.npm_package_name !== "access-tokens-quickstart") return;
  const timer = setInterval(() => {
    if (findParents() === parents) return;
    clearInterval(timer);
    callback();
  }, 250).unref();
}
