// What the program prints, without what differs each time.

/**
 * Masks IDs, as `<id 1>`, `<id 2>` in order of appearance, times, and tokens. Shortened IDs and tokens are masked, too.
 */
export function mask(output: string): string {
  const id = /8:acs:[\da-f_.-]+/g;
  const ids = [...new Set(output.match(id))];
  return output
    .replace(id, (found) => `<id ${ids.indexOf(found) + 1}>`)
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>")
    .replace(/eyJ[\w.-]+/g, "<token>");
}

/** Shortens the IDs and tokens of an output in the middle, where they are alike. */
export function shorten(output: string): string {
  return output
    .replace(/(8:acs:[\da-f]{8})[\da-f-]+_[\da-f-]+([\da-f]{12})/g, "$1...$2")
    .replace(/(eyJ\w{9})[\w.-]+([\w-]{12})/g, "$1...$2");
}
