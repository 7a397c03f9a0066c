// Notices that the npm command that started this process has ended.

const parent = process.ppid;

/**
 * Calls back once when npm, which runs this process as a script of this project, has ended: a SIGTERM to npm ends npm
 * and its shell, but doesn't reach this process. If another parent ends, this process continues. On Windows, it never
 * calls back, because the ID of the parent doesn't change.
 */
export function whenNpmEnds(callback: () => void) {
  if (process.env.npm_package_name !== "access-tokens-quickstart") return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, 250).unref();
}
