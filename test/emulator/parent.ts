// Notices that the npm command that started this process has ended.

const parent = process.ppid;

/**
 * Calls back once when npm, which runs this process as one of these scripts, has ended: a SIGTERM to npm ends npm and its
 * shell, but doesn't reach this process. If another parent ends, this process continues.
 */
export function whenNpmEnds(scripts: string[], callback: () => void) {
  if (!scripts.includes(process.env.npm_lifecycle_event ?? "")) return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, 250).unref();
}
